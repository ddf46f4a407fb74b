/** Durations in buckets of equal relative width: small, quick to add to, and exact to 1 %. */

/** How many times its lower end the upper end of a bucket is. */
const GROWTH = 1.02;
/** The range in milliseconds. A shorter duration counts as the shortest, a longer one as the longest. */
const SHORTEST_MS = 0.001;
const LONGEST_MS = 1_000_000;
const LOG_GROWTH = Math.log(GROWTH);
const BUCKETS = Math.ceil(Math.log(LONGEST_MS / SHORTEST_MS) / LOG_GROWTH) + 1;

const bucketOf = (ms: number): number => {
  const within = Math.min(Math.max(ms, SHORTEST_MS), LONGEST_MS);
  return Math.floor(Math.log(within / SHORTEST_MS) / LOG_GROWTH);
};
/** The geometric middle of a bucket, in milliseconds. */
const middleOf = (bucket: number): number => SHORTEST_MS * GROWTH ** (bucket + 0.5);

export const createHistogram = () => {
  const inBuckets = new Float64Array(BUCKETS);
  const total = () => inBuckets.reduce((sum, count) => sum + count, 0);
  const add = (bucket: number, count: number) => {
    inBuckets[bucket] = (inBuckets[bucket] ?? 0) + count;
  };
  return {
    /** The counts of the buckets, which another process can `merge`. */
    counts: (): Float64Array => inBuckets.slice(),

    total,

    record: (ms: number): void => add(bucketOf(ms), 1),

    merge: (others: Float64Array): void => {
      for (const [bucket, count] of others.entries()) add(bucket, count);
    },

    /**
     * The duration in milliseconds that `p` percent of all do not exceed, by the nearest-rank method
     * (https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method). NaN if nothing was recorded.
     */
    percentile: (p: number): number => {
      const rank = Math.max(1, Math.ceil((p / 100) * total()));
      let seen = 0;
      for (const [bucket, count] of inBuckets.entries()) {
        seen += count;
        if (seen >= rank) return middleOf(bucket);
      }
      return Number.NaN;
    },
  };
};
