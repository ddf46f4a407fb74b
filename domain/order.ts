/** The words of the domain, as schemas. Error messages show a schema's `description` as what was expected. */
import { type Static, Type } from '@sinclair/typebox';
import { quoted } from './json.ts';
import { WELL_FORMED } from './texts.ts';

/** `description` completes "must be …"; the limits are those of the columns in db/schema.ts. */
const text = (maxLength: number) =>
  Type.String({
    minLength: 1,
    maxLength,
    // A lone surrogate has no UTF-8 form: it would reach the database as another character.
    pattern: WELL_FORMED,
    description: `a text of 1 to ${maxLength} characters`,
  });

/** In lower case, as `canonicalId` makes every id. Of any version, as another publisher may use UUIDv4. */
export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  description: 'a UUID',
});

export const Status = text(20);

/** The id of a job. It is any text, as other publishers need not use UUIDs. */
export const JobId = text(64);

export const OrderItem = Type.Object(
  {
    name: text(80),
    quantity: Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: 'an integer from 1 to 2147483647',
    }),
  },
  { description: 'an object with name and quantity' },
);
export type OrderItem = Static<typeof OrderItem>;

/** What a client may say of a new order. */
export const NewOrder = Type.Object(
  {
    customer_name: text(80),
    status: Type.Optional(Type.String({ ...text(20), default: 'received' })),
    items: Type.Array(OrderItem, { minItems: 1, maxItems: 1000, description: 'a list of 1 to 1000 items' }),
  },
  { description: 'a JSON object with customer_name and items' },
);
export type NewOrder = Static<typeof NewOrder>;

export const StatusUpdate = Type.Object({ status: Status }, { description: 'a JSON object with status' });

export const Order = Type.Object(
  {
    order_id: Uuid,
    customer_name: NewOrder.properties.customer_name,
    status: Status,
    items: NewOrder.properties.items,
  },
  { description: 'a JSON object with order_id, customer_name, status and items' },
);
export type Order = Static<typeof Order>;

/** The part of a new order that the client chooses. */
export type OrderContent = Omit<Order, 'order_id'>;

/** Writes an order as JSON, as readers get it. @param orderId a UUID */
export const writeOrder = (orderId: string, { customer_name, status, items }: OrderContent): string => {
  let list = '';
  for (const { name, quantity } of items)
    list += `${list === '' ? '' : ','}{"name":${quoted(name)},"quantity":${quantity}}`;
  return `{"order_id":"${orderId}","customer_name":${quoted(customer_name)},"status":${quoted(status)},"items":[${list}]}`;
};
