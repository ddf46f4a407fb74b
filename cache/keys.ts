/**
 * Puts a key into the same slot of a cluster as another one
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags).
 */
const inSlotOf = (key: string): string => `{${key}}`;

const PENDING = 'temp_order:';

/**
 * All keys in Redis. The Flask service has the same keys `temp_order:…`, `orders:detail:…` and `orders:list:…`, and can
 * read what they hold, so that both can share a Redis.
 */
export const keys = {
  pending: (orderId: string) => `${PENDING}${orderId}`,
  /** What is noted of an order's writes. */
  notes: (orderId: string) => `order_writes:${inSlotOf(keys.pending(orderId))}`,
  /** A pattern that both keys of all orders match. */
  pendingOrNotes: `*${PENDING}*`,
  /** The id of the order that one of its two keys belongs to. */
  orderIdIn: (key: string) => key.slice(key.indexOf(PENDING) + PENDING.length).replace(/}$/, ''),
  detail: (orderId: string) => `orders:detail:${orderId}`,
  /** While this key exists, no answer is stored for the order. */
  detailGuard: (orderId: string) => `orders:guard:${inSlotOf(keys.detail(orderId))}`,
  /** Since when all guards are there, in milliseconds since 1970. */
  guardedSince: 'orders:guarded-since',
  /** The key of a list. @param query the normalised query, '' for the whole list */
  list: (version: string, query: string) => `orders:list:${version}${query && `:${query}`}`,
  listVersion: 'orders:list:version',
  /** The version of the last reset. */
  reset: 'orders:reset',
  /** Since when pending copies are complete, in microseconds since 1970. */
  completeSince: 'orders:since',
  /** What happened last to a job, and the stream of what happens to all. */
  job: (jobId: string) => `job:${jobId}`,
  feed: 'orders:feed',
  /** The stream in which API processes note how many writes they have accepted. */
  accepted: 'orders:accepted',
  /** The stream in which consumers of a queue note how far they are. */
  consumers: (queue: string) => `orders:consumers:${queue}`,
  idempotency: (key: string) => `idempotency:${key}`,
};
