/**
 * The memory that answers take in a process: those that are kept, those that somebody still uses, and those that are
 * being made. Together they have a limited number of bytes. If there is no room, the least recently used answers are
 * dropped first; an answer in use stays.
 */

/** Something that can be kept; `bytes` is how much memory it takes. */
export interface Sized {
  readonly key: string;
  bytes: number;
}

/** Memory for something that is being made. */
export interface Claim {
  /** @returns whether there was room for so many bytes more */
  grow(bytes: number): boolean;
  /** Gives all of it back. */
  release(): void;
}

/** @param maxBytes for everything together */
export const createMemory = <T extends Sized>(maxBytes: number) => {
  /** By key, the least recently used first. */
  const kept = new Map<string, T>();
  /** How many users each item in use has. */
  const used = new Map<Sized, number>();
  let total = 0;

  const counts = (item: Sized) => used.has(item) || kept.get(item.key) === item;
  const remove = (item: T) => {
    kept.delete(item.key);
    if (!used.has(item)) total -= item.bytes;
  };
  /** Removes items until there is room, but none in use, as that would free nothing. @returns whether there is room */
  const makeRoom = (bytes: number): boolean => {
    for (const item of kept.values()) {
      if (total + bytes <= maxBytes) break;
      if (!used.has(item)) remove(item);
    }
    return total + bytes <= maxBytes;
  };

  return {
    /** The item that is kept under a key; it counts as the one used last. */
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
      if (before !== undefined) remove(before);
      if (!used.has(item)) {
        if (item.bytes > maxBytes || !makeRoom(item.bytes)) return;
        total += item.bytes;
      }
      kept.set(item.key, item);
    },

    /** Counts so many bytes more for an item. */
    grow: (item: Sized, bytes: number): void => {
      item.bytes += bytes;
      if (!counts(item)) return;
      total += bytes;
      makeRoom(0);
    },

    /** Counts an item as in use, whether it is kept or not. @returns a function that ends this use */
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

    /** Begins a claim of 0 bytes. */
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
