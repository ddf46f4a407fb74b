/** Every key of Redis. Those of orders are the Flask service's, so that both can share one. */
export const keys = {
  pending: (orderId: string) => `temp_order:${orderId}`,
  detail: (orderId: string) => `orders:detail:${orderId}`,
  /** `query` is '' for the whole list. */
  list: (version: string, query: string) => `orders:list:${version}${query && `:${query}`}`,
  listVersion: 'orders:list:version',
  /** The version of the last reset. */
  reset: 'orders:reset',
  /** Since when pending copies are complete, in microseconds since 1970. */
  completeSince: 'orders:since',
  idempotency: (key: string) => `idempotency:${key}`,
};
