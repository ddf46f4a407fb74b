/** All keys in Redis. Those of orders are the same as the Flask service's, so that both can share a Redis. */
export const keys = {
  pending: (orderId: string) => `temp_order:${orderId}`,
  detail: (orderId: string) => `orders:detail:${orderId}`,
  /** The key of a list. @param query the normalised query, '' for the whole list */
  list: (version: string, query: string) => `orders:list:${version}${query && `:${query}`}`,
  listVersion: 'orders:list:version',
  /** The version of the last reset. */
  reset: 'orders:reset',
  /** Since when pending copies are complete, in microseconds since 1970. */
  completeSince: 'orders:since',
  idempotency: (key: string) => `idempotency:${key}`,
};
