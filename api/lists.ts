/**
 * Listing orders. An answer is made once for each version of the list that Redis counts, and kept in this process's
 * memory and in Redis.
 *
 * The version is read before the snapshot is taken, so that what is kept under it shows all that was committed when
 * it was the latest; and it is read after the request has come, so that what is kept under it is as new as the
 * request.
 */
import type { Cache } from '../cache/cache.ts';
import { jittered } from '../cache/orders.ts';
import type { Config } from '../config.ts';
import { withDeadline } from '../deadline.ts';
import { createAnswer, encoded, type ListAnswer } from './list-answer.ts';
import type { BuildList } from './list-build.ts';
import { createMemory } from './list-memory.ts';
import { type ListQuery, type PageQuery, pageOf, queryOf } from './list-query.ts';
import type { Coding } from './negotiation.ts';

/** How long an answer may take to be made. */
const LIST_WITHIN_MS = 15_000;

/** A version from when this process sees it to when it sees another. Times are those of performance.now(). */
interface Generation {
  version: string;
  supersededAt: number;
}

interface Kept extends ListAnswer {
  generation: Generation;
  expiresAt: number;
}

type Making = Promise<ListAnswer | undefined>;

/** An answer that is being made, and the one to be made after it for those for whom it is too old. */
interface Flight {
  /** The latest version known when it began; undefined where Redis is away. */
  generation: Generation | undefined;
  answer: Making;
  next?: Making;
}

/** @returns answers, which stay the same objects for as long as they are kept */
export const orderLists = (
  build: BuildList,
  lists: Cache['lists'],
  { ttl, memoryBytes, staleMs }: Config['lists'],
) => {
  const memory = createMemory<Kept>(memoryBytes);
  const flights = new Map<string, Flight>();
  let latest: Generation | undefined;

  const see = (version: string | null): Generation | undefined => {
    if (version !== (latest?.version ?? null)) {
      if (latest) latest.supersededAt = performance.now();
      latest = version === null ? undefined : { version, supersededAt: Number.POSITIVE_INFINITY };
    }
    return latest;
  };

  const fetchKept = async (generation: Generation, key: string): Promise<Kept | undefined> => {
    const asked = performance.now();
    const found = await lists.find(generation.version, key);
    return found
      ? { ...createAnswer(key, [found.bytes]), generation, expiresAt: asked + found.ttlMs }
      : undefined;
  };

  /** From another process's work where there is some, otherwise from the database. */
  const make = async (
    generation: Generation | undefined,
    key: string,
    page: PageQuery | undefined,
    signal: AbortSignal,
  ): Making => {
    const fetched = generation && (await fetchKept(generation, key));
    if (fetched) {
      memory.keep(fetched);
      return fetched;
    }
    const expiresAt = performance.now() + jittered(ttl) * 1_000;
    const chunks = await build(page, signal);
    signal.throwIfAborted();
    if (chunks === undefined) return undefined;
    const answer = createAnswer(key, chunks);
    if (generation === undefined) return answer;
    const kept = { ...answer, generation, expiresAt };
    memory.keep(kept);
    const ttlMs = Math.floor(expiresAt - performance.now());
    if (ttlMs > 0 && kept.bytes <= memoryBytes) void lists.put(generation.version, key, kept.body, ttlMs);
    return kept;
  };

  const start = (key: string, page: PageQuery | undefined): Making => {
    const generation = latest;
    const giveUp = new AbortController();
    const answer = withDeadline(make(generation, key, page, giveUp.signal), LIST_WITHIN_MS).finally(() => {
      giveUp.abort();
      flights.delete(key);
    });
    flights.set(key, { generation, answer });
    return answer;
  };

  /**
   * One at a time for each query, however often the version changes meanwhile: whoever may not have the one that is
   * being made, as it may be older than the request, shares the next one. Fails where that which it waits for fails.
   */
  const load = (generation: Generation | undefined, key: string, page: PageQuery | undefined): Making => {
    const flight = flights.get(key);
    if (flight === undefined) return start(key, page);
    if (generation !== undefined && generation === flight.generation) return flight.answer;
    flight.next ??= flight.answer.then(() => load(latest, key, page));
    return flight.next;
  };

  return {
    /**
     * The answer to a query, or undefined where the page is to follow an order that is not known.
     * @throws the database's error, or ETIMEDOUT
     */
    find: async (query: ListQuery): Making => {
      const page = pageOf(query);
      const key = queryOf(page);
      const generation = see(await lists.version());
      const kept = generation && memory.find(key);
      const now = performance.now();
      if (kept === undefined || now >= kept.expiresAt) return load(generation, key, page);
      if (kept.generation === generation) return kept;
      if (now >= kept.generation.supersededAt + staleMs) return load(generation, key, page);
      // Who comes when it may not be served any more is told of a failure.
      load(generation, key, page).catch(() => {});
      return kept;
    },

    /** The body of an answer in a coding, made once and kept beside it. */
    encoded: (answer: ListAnswer, coding: Coding): Promise<Buffer> =>
      encoded(answer, coding, (bytes) => memory.grow(answer, bytes)),
  };
};
