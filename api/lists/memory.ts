/**
 * What answers take in a process: those that are kept, of which the least recently used go first, those that somebody
 * still uses, and what is being made. All together they have a number of bytes, and what is in use stays.
 */

/** Something that can be kept; `bytes` is what it takes. */
export interface Sized {
  readonly key: string;
  bytes: number;
}

/** Memory for what is being made. */
export interface Claim {
  /** @returns whether there was room for so many bytes more */
  grow(bytes: number): boolean;
  release(): void;
}

export const createMemory = <T extends Sized>(maxBytes: number) => {
  /** In the order of their last use. */
  const kept = new Map<string, T>();
  /** By how many. */
  const used = new Map<Sized, number>();
  let total = 0;

  const counts = (item: Sized) => used.has(item) || kept.get(item.key) === item;
  const drop = (item: T) => {
    kept.delete(item.key);
    if (!used.has(item)) total -= item.bytes;
  };
  /** To drop what is in use would free nothing. */
  const makeRoom = (bytes: number): boolean => {
    for (const item of kept.values()) {
      if (total + bytes <= maxBytes) break;
      if (!used.has(item)) drop(item);
    }
    return total + bytes <= maxBytes;
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

    /** Keeps an item in place of the one with its key, unless there is no room for it. */
    keep: (item: T): void => {
      const before = kept.get(item.key);
      if (before !== undefined) drop(before);
      if (!used.has(item)) {
        if (item.bytes > maxBytes || !makeRoom(item.bytes)) return;
        total += item.bytes;
      }
      kept.set(item.key, item);
    },

    /** An item takes more bytes from now on. */
    grow: (item: Sized, bytes: number): void => {
      item.bytes += bytes;
      if (!counts(item)) return;
      total += bytes;
      makeRoom(0);
    },

    /** Counts an item, kept or not, until the function is called that this returns. */
    use: (item: Sized): (() => void) => {
      if (!counts(item)) total += item.bytes;
      used.set(item, (used.get(item) ?? 0) + 1);
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        const others = (used.get(item) ?? 0) - 1;
        if (others > 0) return void used.set(item, others);
        used.delete(item);
        if (!counts(item)) total -= item.bytes;
        makeRoom(0);
      };
    },

    claim: (): Claim => {
      let claimed = 0;
      return {
        grow: (bytes) => {
          if (!makeRoom(bytes)) return false;
          claimed += bytes;
          total += bytes;
          return true;
        },
        release: () => {
          total -= claimed;
          claimed = 0;
        },
      };
    },
  };
};
