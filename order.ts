/** The words of the domain. Each schema's `description` is what error messages say was expected. */
import { type Static, type TObject, Type } from '@sinclair/typebox';

/** `description` completes "must be …"; the limits are those of the columns in db/schema.ts. */
const text = (maxLength: number) =>
  Type.String({
    minLength: 1,
    maxLength,
    // A lone surrogate has no UTF-8 form: it would reach the database as another character.
    pattern: '^\\P{Surrogate}*$',
    description: `a text of 1 to ${maxLength} characters`,
  });

/** Lower case, as every id is handed out. Any version: another publisher may use UUIDv4. */
export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  description: 'a lower-case UUID',
});

export const Status = text(20);

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

const job = <Name extends string, Payload extends TObject>(type: Name, payload: Payload) =>
  Type.Object(
    {
      job_id: text(64),
      type: Type.Literal(type, { description: type }),
      payload,
      version: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: Number.MAX_SAFE_INTEGER,
          description: 'a positive integer, greater for a later write to the same order',
        }),
      ),
      accepted_at: Type.Optional(
        Type.String({
          format: 'moment',
          description: 'a time such as 2026-01-31T12:00:00.000Z',
        }),
      ),
    },
    { description: 'a JSON object with job_id, type and payload' },
  );

/**
 * One schema per type of job, as it stands in the queue. `accepted_at` is when the API took the write, `version`
 * its place among the writes to its order (microseconds since 1970, see clock.ts); jobs of other publishers
 * lack both.
 */
export const jobSchemas = {
  create_order: job('create_order', Order),
  update_order_status: job(
    'update_order_status',
    Type.Object({ order_id: Uuid, status: Status }, { description: 'an object with order_id and status' }),
  ),
  delete_order: job(
    'delete_order',
    Type.Object({ order_id: Uuid }, { description: 'an object with order_id' }),
  ),
};
export type JobType = keyof typeof jobSchemas;
export type CreateJob = Static<(typeof jobSchemas)['create_order']>;
export type UpdateJob = Static<(typeof jobSchemas)['update_order_status']>;
export type DeleteJob = Static<(typeof jobSchemas)['delete_order']>;
export type WriteJob = CreateJob | UpdateJob | DeleteJob;
