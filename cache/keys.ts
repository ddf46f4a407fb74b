/** Every key of Redis. They are those of the Flask service, so that both can share one. */
export const keys = {
  pending: (orderId: string) => `temp_order:${orderId}`,
  detail: (orderId: string) => `orders:detail:${orderId}`,
  list: (version: string) => `orders:list:${version}`,
  listVersion: 'orders:list:version',
};
