/**
 * Listing orders. Redis counts the versions of the list. An answer is made once for each version, and kept in this
 * process's memory and in Redis.
 *
 * The version is read before the snapshot is taken, so an answer that is kept under a version shows everything that was
 * committed while that version was the latest. It is read after the request has come, so the answer under it is at
 * least as new as the request.
 */
import type { ServerResponse } from 'node:http';
import type { Cache } from '../../cache/cache.ts';
import { jittered } from '../../cache/orders.ts';
import type { Config } from '../../process/config.ts';
import type { Observer } from '../../process/observer.ts';
import { whenAnswered } from '../http/answered.ts';
import { compress } from '../http/compression.ts';
import type { Coding } from '../http/negotiation.ts';
import { createAnswer, type ListAnswer, OVERHEAD_BYTES } from './answer.ts';
import type { ListBuilder } from './build.ts';
import { createFlights } from './flights.ts';
import { type Claim, createMemory, type Sized } from './memory.ts';
import { type ListQuery, type PageQuery, pageOf, queryOf } from './query.ts';
import { listStreams } from './streams.ts';
import { type Before, bytesOf } from './whole.ts';

/** How long an answer may take to be made. */
const LIST_WITHIN_MS = 15_000;
/** Answers of this size or more are compressed one at a time. */
const LARGE_BYTES = 2 ** 20;
/** For how many answers we remember that they are too large. */
const MOST_OVERSIZED = 1_000;

/** A version of the list, from when this process first sees it until it sees another one. */
interface Generation {
  readonly version: string;
  /** When it was last seen to be the latest, as performance.now(). */
  seenAt: number;
  /** When this process had learnt of it: every change that it stands for had been committed by then. */
  readonly knownAt: number;
}

interface Kept extends ListAnswer {
  generation: Generation;
  /** As performance.now(). */
  expiresAt: number;
  /** Whether it is in Redis or on its way there, for other processes. */
  shared: boolean;
}

/** The whole list that this process has made last, from which it makes the next one. */
interface LastWhole extends Sized, Before {
  /** When all of its orders had been read, as performance.now(). */
  readAt: number;
}
/** No query is written like this. */
const LAST_WHOLE = 'the last whole list';

/** Stands for an answer for which there is no room. */
export const TOO_LARGE = Symbol('too large');
type Made = ListAnswer | typeof TOO_LARGE | undefined;

class NoRoom extends Error {}

/**
 * Finds, makes and keeps answers. An answer stays the same object for as long as it is kept. `memoryBytes` is the limit
 * for all answers together: those that are being made, kept, and in use. `ttl` is in seconds.
 */
export const orderLists = (
  { build, stream }: ListBuilder,
  lists: Cache['lists'],
  { ttl, memoryBytes, staleMs, sending }: Omit<Config['lists'], 'making'>,
  observer: Pick<Observer, 'cacheAsked'>,
) => {
  const memory = createMemory<Kept | LastWhole>(memoryBytes);
  const flights = createFlights<Made, Generation | undefined>(LIST_WITHIN_MS);
  const streams = listStreams(stream, sending);
  /** By query: until when (performance.now()) its answer counts as too large without another try. */
  const oversized = new Map<string, number>();
  /** The longest answer that is kept: half of the memory, as joining an answer's chunks takes twice its length. */
  const mostBytes = memoryBytes / 2;
  let latest: Generation | undefined;
  let compressing: Promise<unknown> = Promise.resolve();

  /** Notes the latest version; null if Redis is away. @param askedAt performance.now() before Redis was asked */
  const see = (version: string | null, askedAt: number): Generation | undefined => {
    if (version === null) latest = undefined;
    else if (version === latest?.version) latest.seenAt = Math.max(latest.seenAt, askedAt);
    else latest = { version, seenAt: askedAt, knownAt: performance.now() };
    return latest;
  };

  /** @param bytes what an answer takes @throws NoRoom if that is too much, which is remembered */
  const requireSmall = (bytes: number, key: string): void => {
    if (bytes <= mostBytes) return;
    oversized.set(key, performance.now() + ttl * 1_000);
    const [oldest] = oversized.keys();
    if (oversized.size > MOST_OVERSIZED && oldest !== undefined) oversized.delete(oldest);
    throw new NoRoom();
  };

  /** Makes a function that takes memory for each part of an answer, and throws NoRoom if there is none. */
  const takeFrom = (claim: Claim, key: string) => {
    let taken = 0;
    return (bytes: number): void => {
      taken += bytes;
      requireSmall(taken, key);
      if (!claim.grow(bytes)) throw new NoRoom();
    };
  };

  const findKept = (key: string): Kept | undefined => {
    const item = memory.find(key);
    return item && 'generation' in item ? item : undefined;
  };

  /** The list from which the next one is made. What another program has changed in items is seen when it is too old. */
  const findLastWhole = (): LastWhole | undefined => {
    const item = memory.find(LAST_WHOLE);
    return item && 'places' in item && performance.now() < item.readAt + ttl * 1_000 ? item : undefined;
  };

  const fetchKept = async (generation: Generation, key: string, claim: Claim): Promise<Kept | undefined> => {
    const asked = performance.now();
    const found = await lists.find(generation.version, key);
    observer.cacheAsked({ cache: 'list', hit: found !== null });
    if (found === null || !claim.grow(2 * found.bytes.length)) return undefined;
    return { ...createAnswer(key, [found.bytes]), generation, expiresAt: asked + found.ttlMs, shared: true };
  };

  /** Puts an answer into Redis. @param askedOnce if only one request wanted it so far, Redis has less room for it */
  const share = async (kept: Kept, askedOnce: boolean): Promise<void> => {
    const ttlMs = Math.floor(kept.expiresAt - performance.now());
    if (kept.shared || ttlMs <= 0) return;
    kept.shared = true;
    const { version } = kept.generation;
    kept.shared = (await lists.put(version, kept.key, kept.body, ttlMs, askedOnce)) === true;
  };

  /** Takes the answer that another process has put into Redis, or makes it from the database. */
  const make = async (
    generation: Generation | undefined,
    key: string,
    page: PageQuery | undefined,
    signal: AbortSignal,
  ): Promise<Made> => {
    const claim = memory.claim();
    const before = page === undefined ? findLastWhole() : undefined;
    const release = before && memory.use(before);
    try {
      const fetched = generation && (await fetchKept(generation, key, claim));
      if (fetched) {
        claim.release();
        memory.keep(fetched);
        return fetched;
      }
      const began = performance.now();
      if (!claim.grow(OVERHEAD_BYTES)) return TOO_LARGE;
      const since = generation?.knownAt ?? began;
      const built = await build(page, signal, takeFrom(claim, key), since, before);
      const { value, isReadOnly, upTo = began } = built;
      signal.throwIfAborted();
      if (value === undefined) return undefined;
      const { chunks, places } = value;
      const length = chunks.reduce((bytes, chunk) => bytes + chunk.length, 0);
      const bytes = length + (places ? bytesOf(places) : 0);
      requireSmall(bytes, key);
      if (!claim.grow(length)) return TOO_LARGE;
      const answer = createAnswer(key, chunks);
      claim.release();
      release?.();
      if (places && !isReadOnly)
        memory.keep({ key: LAST_WHOLE, body: answer.body, places, bytes, readAt: before?.readAt ?? began });
      if (generation === undefined || isReadOnly) return answer;
      const expiresAt = upTo + jittered(ttl) * 1_000;
      const kept = { ...answer, generation, expiresAt, shared: false };
      memory.keep(kept);
      void share(kept, page !== undefined);
      return kept;
    } catch (error) {
      if (error instanceof NoRoom) return TOO_LARGE;
      throw error;
    } finally {
      claim.release();
      release?.();
    }
  };

  /**
   * Makes one answer at a time for each query, however often the version changes meanwhile. If the answer that is being
   * made may be older than the request, the request shares the next one.
   */
  const load = async (
    generation: Generation | undefined,
    key: string,
    page: PageQuery | undefined,
    response: ServerResponse | undefined,
  ): Promise<Made> => {
    const isOversized = oversized.get(key);
    if (isOversized !== undefined) {
      if (performance.now() < isOversized) return TOO_LARGE;
      oversized.delete(key);
    }
    return flights.share(
      key,
      (flight) => generation !== undefined && flight.of === generation,
      () => latest,
      (known, signal) => make(known, key, page, signal),
      response,
    );
  };

  const encode = async (answer: ListAnswer, coding: Coding): Promise<Buffer | undefined> => {
    const release = memory.use(answer);
    const claim = memory.claim();
    try {
      // Compressed, such text takes less than half.
      if (!claim.grow(answer.body.length / 2)) return undefined;
      const isLarge = answer.body.length >= LARGE_BYTES;
      if (isLarge) await compressing;
      const encoding = compress(answer.body, coding);
      if (isLarge) compressing = encoding.catch(() => {});
      const bytes = await encoding;
      claim.release();
      memory.grow(answer, bytes.length);
      return bytes;
    } finally {
      claim.release();
      release();
    }
  };

  return {
    /**
     * The answer to a query; TOO_LARGE if only `stream` can give it; undefined if the page is to follow an order that
     * is not known.
     * @param response to the client that asks: once all clients that wait for an answer are gone, making it is given up
     * @throws the database's error, or DeadlineError
     */
    find: async (query: ListQuery, response?: ServerResponse): Promise<Made> => {
      const page = pageOf(query);
      const key = queryOf(page);
      const askedAt = performance.now();
      const generation = see(await lists.version(), askedAt);
      const kept = generation && findKept(key);
      const now = performance.now();
      if (kept === undefined || now >= kept.expiresAt) return load(generation, key, page, response);
      if (kept.generation === generation) {
        void share(kept, false);
        return kept;
      }
      // The answer misses no change from before its version was seen to be the latest.
      if (now >= kept.generation.seenAt + staleMs) return load(generation, key, page, response);
      // Nobody waits for this. If it fails, the next request after this answer is too old reports it.
      load(generation, key, page, undefined).catch(() => {});
      return kept;
    },

    /**
     * An answer of any size, which is read from the database while it is sent.
     * @throws as streams.ts says
     */
    stream: (query: ListQuery, response: ServerResponse) =>
      streams.start(pageOf(query), response, LIST_WITHIN_MS),

    /** Gives up everything that is being read. */
    close: (): void => {
      flights.giveUpAll();
      streams.giveUpAll();
    },

    /** Counts an answer as in use until it has left this process. */
    holdUntilSent: (answer: ListAnswer, response: ServerResponse): void =>
      whenAnswered(response, memory.use(answer)),

    /** The body of an answer in a coding, made once and kept beside it; undefined if there is no room for it. */
    encoded: (answer: ListAnswer, coding: Coding): Promise<Buffer | undefined> => {
      const before = answer.codings.get(coding);
      if (before !== undefined) return before;
      const encoding = encode(answer, coding);
      answer.codings.set(coding, encoding);
      const forget = () => answer.codings.delete(coding);
      encoding.then((bytes) => bytes ?? forget(), forget);
      return encoding;
    },
  };
};
