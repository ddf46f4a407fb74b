/** What a process keeps in memory: up to a number of bytes, of which the least recently used go first. */

/** Something to be kept; `bytes` is what it takes. */
export interface Sized {
  readonly key: string;
  bytes: number;
}

export const createMemory = <T extends Sized>(maxBytes: number) => {
  /** In the order of their last use. */
  const kept = new Map<string, T>();
  let total = 0;

  const drop = (item: T) => {
    kept.delete(item.key);
    total -= item.bytes;
  };
  const dropOldest = () => {
    for (const item of kept.values()) {
      if (total <= maxBytes) return;
      drop(item);
    }
  };

  return {
    find: (key: string): T | undefined => {
      const item = kept.get(key);
      if (item !== undefined) {
        kept.delete(key);
        kept.set(key, item);
      }
      return item;
    },

    /** Keeps an item in place of the one with its key, unless it is larger than all that may be kept. */
    keep: (item: T): void => {
      const before = kept.get(item.key);
      if (before !== undefined) drop(before);
      if (item.bytes > maxBytes) return;
      kept.set(item.key, item);
      total += item.bytes;
      dropOldest();
    },

    /** An item, kept or not, takes more bytes from now on. */
    grow: (item: Sized, bytes: number): void => {
      const before = kept.get(item.key);
      item.bytes += bytes;
      if (before !== item) return;
      total += bytes;
      if (before.bytes > maxBytes) drop(before);
      dropOldest();
    },
  };
};
