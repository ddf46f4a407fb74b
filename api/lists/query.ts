/** The queries that GET /orders takes. */
import { type Static, Type } from '@sinclair/typebox';
import { NewOrder, Status, Uuid } from '../../domain/order.ts';

const DEFAULT_LIMIT = 100;

export const ListQuery = Type.Object({
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_000, description: 'an integer from 1 to 1000' }),
  ),
  after: Type.Optional(Uuid),
  status: Type.Optional(Status),
  customer_name: Type.Optional(NewOrder.properties.customer_name),
  count: Type.Optional(Type.Boolean({ description: 'true or false' })),
});
export type ListQuery = Static<typeof ListQuery>;

/** A page: up to `limit` orders that follow the order `after`, with the number of all that match if `count` is true. */
export type PageQuery = ListQuery & { limit: number; count: boolean };

/** The page that a query asks for; undefined for the whole list. Counting all orders costs nothing, so it is done. */
export const pageOf = ({ limit, after, status, customer_name, count }: ListQuery): PageQuery | undefined => {
  const isFiltered = status !== undefined || customer_name !== undefined;
  if (limit === undefined && after === undefined && !isFiltered) return undefined;
  return {
    limit: limit ?? DEFAULT_LIMIT,
    after,
    status,
    customer_name,
    count: count === true || !isFiltered,
  };
};

/** The normalised query: the same text for the same page, '' for the whole list. */
export const queryOf = (page: PageQuery | undefined): string => {
  if (page === undefined) return '';
  const query = new URLSearchParams({ limit: String(page.limit) });
  if (page.status !== undefined) query.set('status', page.status);
  if (page.customer_name !== undefined) query.set('customer_name', page.customer_name);
  if (query.size > 1 && page.count) query.set('count', 'true');
  if (page.after !== undefined) query.set('after', page.after);
  return query.toString();
};

/**
 * The URL of the page that follows the order `after`, relative to the URL of the page before it (RFC 3986, 5.2.2). So
 * it keeps whatever path that URL has in front of a proxy.
 */
export const nextUrl = (page: PageQuery, after: string): string => `?${queryOf({ ...page, after })}`;
