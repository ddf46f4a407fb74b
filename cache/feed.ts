/**
 * The stream of what happens to jobs. Each of its entries has the events of one telling, as a JSON list. A process reads
 * it on a connection of its own, from its end on; a place in it is the id of an entry that is there. Where that entry is
 * there no more (it was removed as the stream grew, Redis was emptied, or lost its data) nobody knows what followed it:
 * that is a gap.
 */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { isTimeout } from './redis.ts';

/** How much memory it takes, about. A busy consumer's entry has some hundred events. */
const FEED_BYTES = 16 * 2 ** 20;
const [FEWEST, MOST] = [200, 5_000];

/** How many entries the stream keeps. @param bytes of the newest one */
export const feedLength = (bytes: number): number =>
  Math.min(MOST, Math.max(FEWEST, Math.floor(FEED_BYTES / bytes)));

/** How many entries are read at once. */
const PAGE = 50;
/** How long Redis lets a reader wait for something to happen, and how long the reader waits for Redis. */
const BLOCK_MS = 1_000;
const SILENT_MS = 2_500;
const RETRY_MS = 200;

export interface FeedEntry {
  id: string;
  /** The events as a JSON list. */
  text: string;
}

export interface FeedReader {
  /** Takes the entries in their order. */
  entry(entry: FeedEntry): void;
  /** What happened since the last entry is not known. */
  gap(): void;
  /** Tells whether the stream is being read, and Redis takes what happens. It begins with false. */
  live(isLive: boolean): void;
}

export interface Reading {
  /** Resolves when whatever happens from now on will be read. Never rejects. */
  begun: Promise<void>;
  /** The id of the last entry that was read, or after which the reading began. */
  place(): string | undefined;
  close(): void;
}

type Fields = [id: string, fields: string[]];
const entryOf = ([id, [, text = '[]']]: Fields): FeedEntry => ({ id, text });

const partsOf = (id: string): [bigint, bigint] => {
  const [ms = '0', sequence = '0'] = id.split('-');
  return [BigInt(ms), BigInt(sequence)];
};
/** Whether the id of an entry is greater than that of another one. */
export const isAfter = (id: string, other: string): boolean => {
  const [[ms, sequence], [otherMs, otherSequence]] = [partsOf(id), partsOf(other)];
  return ms === otherMs ? sequence > otherSequence : ms > otherMs;
};

const isThere = async (redis: Redis, id: string): Promise<boolean> =>
  (await redis.xrange(keys.feed, id, id)).length > 0;
const lastId = async (redis: Redis): Promise<string | undefined> =>
  (await redis.xrevrange(keys.feed, '+', '-', 'COUNT', 1))[0]?.[0];
/** An entry without events, so that there is a place to begin from. */
const addMark = (redis: Redis): Promise<string | null> =>
  redis.xadd(keys.feed, 'MAXLEN', '~', MOST, '*', 'events', '[]');

/** The stream. With CACHE_DISABLED it must not be read. */
export const jobFeed = ({ attempt, enabled, servers }: RedisLink) => ({
  enabled,

  /**
   * The entry at a place, and some of those that follow.
   * @returns 'gap' if the place is not there, 'away' if Redis is. Never rejects.
   */
  from: (place: string): Promise<FeedEntry[] | 'gap' | 'away'> =>
    attempt<FeedEntry[] | 'gap' | 'away'>(async (redis) => {
      const entries = await redis.xrange(keys.feed, place, '+', 'COUNT', PAGE);
      return entries[0]?.[0] === place ? entries.map(entryOf) : 'gap';
    }, 'away'),

  /** Reads the stream from its end on, until that is closed; while Redis is away it tries again and again. */
  read: (reader: FeedReader): Reading => {
    // The link tells of outages.
    const open = () => servers.open(SILENT_MS).on('error', () => {});
    let redis = open();
    let place: string | undefined;
    let isLive = false;
    let closed = false;
    let tellBegun = () => {};
    const begun = new Promise<void>((resolve) => {
      tellBegun = resolve;
    });
    const show = (now: boolean): void => {
      if (now === isLive || closed) return;
      isLive = now;
      reader.live(now);
    };

    /** Finds the place on a new connection. */
    const begin = async (): Promise<void> => {
      if (place === undefined) {
        place = (await lastId(redis)) ?? (await addMark(redis)) ?? undefined;
        return;
      }
      if (await isThere(redis, place)) return;
      reader.gap();
      const last = (await lastId(redis)) ?? (await addMark(redis));
      // Another server's clock may be behind.
      if (last !== null && !isAfter(last, place)) place = '0-0';
    };

    const readSome = async (from: string): Promise<void> => {
      const read = ['STREAMS', keys.feed, from] as const;
      const answer = await redis.xread('COUNT', PAGE, 'BLOCK', BLOCK_MS, ...read);
      const entries = (answer?.[0]?.[1] ?? []) as Fields[];
      // One that is so far behind may have been overtaken by the end of the stream.
      if (entries.length === PAGE && from !== '0-0' && !(await isThere(redis, from))) reader.gap();
      for (const fields of entries) {
        if (closed) return;
        const entry = entryOf(fields);
        place = entry.id;
        reader.entry(entry);
        // What it makes the process send must not pile up in one turn.
        if (entries.length > 1) await turn();
      }
    };

    const run = async (): Promise<void> => {
      for (let isConnected = false; !closed; ) {
        try {
          if (!isConnected) await begin();
          isConnected = true;
          // A Redis that takes no writes is not told what happens.
          show(await attempt(async () => true, false));
          tellBegun();
          if (place !== undefined) await readSome(place);
        } catch (error) {
          isConnected = false;
          show(false);
          if (closed) return;
          if (servers.isWrong(redis, error)) {
            redis.disconnect();
            redis = open();
          } else if (isTimeout(error)) redis.disconnect(true);
          await sleep(RETRY_MS, undefined, { ref: false });
        }
      }
    };
    void run();

    return {
      begun,
      place: () => place,
      close: () => {
        closed = true;
        redis.disconnect();
      },
    };
  },
});
