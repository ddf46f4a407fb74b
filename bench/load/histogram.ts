/** Durations in buckets of equal relative width: small, quick to add to, and exact to 1 %. */

/** Each bucket's upper end is so many times its lower one. */
const GROWTH = 1.02;
/** In milliseconds. What is shorter counts as this, what is longer as the maximum. */
const SHORTEST_MS = 0.001;
const LONGEST_MS = 1_000_000;
const LOG_GROWTH = Math.log(GROWTH);
const BUCKETS = Math.ceil(Math.log(LONGEST_MS / SHORTEST_MS) / LOG_GROWTH) + 1;

const bucketOf = (ms: number): number => {
  const within = Math.min(Math.max(ms, SHORTEST_MS), LONGEST_MS);
  return Math.floor(Math.log(within / SHORTEST_MS) / LOG_GROWTH);
};
/** The bucket's geometric middle. */
const middleOf = (bucket: number): number => SHORTEST_MS * GROWTH ** (bucket + 0.5);

export const createHistogram = () => {
  const inBuckets = new Float64Array(BUCKETS);
  const total = () => inBuckets.reduce((sum, count) => sum + count, 0);
  const add = (bucket: number, count: number) => {
    inBuckets[bucket] = (inBuckets[bucket] ?? 0) + count;
  };
  return {
    /** What can be sent to another process, and merged there. */
    counts: (): Float64Array => inBuckets.slice(),

    total,

    record: (ms: number): void => add(bucketOf(ms), 1),

    merge: (others: Float64Array): void => {
      for (const [bucket, count] of others.entries()) add(bucket, count);
    },

    /**
     * The duration that `p` percent of all do not exceed, in milliseconds: the nearest rank
     * (https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method). NaN where nothing was recorded.
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
