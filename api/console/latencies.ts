/**
 * Percentiles of times in a memory of fixed size: each time is counted in one of some hundred buckets, whose bounds are
 * four per cent apart.
 */

const GROWTH = Math.log(1.04);
/** Up to about four months. */
const BUCKETS = 600;

const bucketOf = (ms: number): number =>
  Math.min(BUCKETS - 1, Math.max(0, Math.round(Math.log(Math.max(0, ms) + 1) / GROWTH)));
const timeOf = (bucket: number): number => Math.round(Math.exp(bucket * GROWTH) - 1);

export const createLatencies = () => {
  const counts = new Uint32Array(BUCKETS);
  let total = 0;
  return {
    /** Counts a time in milliseconds. */
    add: (ms: number): void => {
      const bucket = bucketOf(ms);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      total++;
    },
    count: (): number => total,
    /** @param part of all times, such as 0.99 @returns the time that so many do not exceed; null if there are none */
    percentile: (part: number): number | null => {
      if (total === 0) return null;
      let seen = 0;
      for (const [bucket, count] of counts.entries()) {
        seen += count;
        if (seen >= part * total) return timeOf(bucket);
      }
      return timeOf(BUCKETS - 1);
    },
  };
};
