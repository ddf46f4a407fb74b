/** Limits how often passwords are tried: in each process, by each address, and by all of them together. */

/** How many wrong passwords in a row, and how long it takes until another one may be tried. */
const ONE = { most: 5, everyMs: 10_000 };
const ALL = { most: 50, everyMs: 1_000 };
/** How many addresses are remembered: beyond that those are forgotten that tried longest ago. */
const MOST_ADDRESSES = 1_000;

interface Bucket {
  /** How many tries are left, at a time in milliseconds. */
  left: number;
  at: number;
}

/** @param now a clock in milliseconds that never goes back */
export const createAttempts = (now: () => number = () => performance.now()) => {
  const addresses = new Map<string, Bucket>();
  const all: Bucket = { left: ALL.most, at: now() };

  /** @returns after how many milliseconds there is a try; 0 if there is one now */
  const waitFor = (bucket: Bucket, { most, everyMs }: typeof ONE): number => {
    const at = now();
    bucket.left = Math.min(most, bucket.left + (at - bucket.at) / everyMs);
    bucket.at = at;
    return bucket.left >= 1 ? 0 : (1 - bucket.left) * everyMs;
  };

  return {
    /**
     * Takes a try, before the password is compared: tries at the same time count as well.
     * @returns after how many seconds there is another one, if there is none now; otherwise 0
     */
    take: (address: string): number => {
      const own = addresses.get(address) ?? { left: ONE.most, at: now() };
      // Again at the end, as the last one that tried.
      addresses.delete(address);
      addresses.set(address, own);
      for (const oldest of addresses.keys()) {
        if (addresses.size <= MOST_ADDRESSES) break;
        addresses.delete(oldest);
      }
      const wait = Math.max(waitFor(own, ONE), waitFor(all, ALL));
      if (wait > 0) return Math.ceil(wait / 1_000);
      own.left--;
      all.left--;
      return 0;
    },
    /** The password was right: what this address tried before counts no more. */
    forgive: (address: string): void => {
      addresses.delete(address);
      all.left = Math.min(ALL.most, all.left + 1);
    },
  };
};
