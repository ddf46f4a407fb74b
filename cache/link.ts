/**
 * A link to Redis, and the rules for everything above it: a cache that fails is a cache that misses, and no request
 * waits for it. A Redis that answers and refuses (a replica after a failover, one that is out of memory or may not
 * write to its disk, an account that may not run scripts) is as good as away. What tells is one probe, which writes by
 * the means that the service uses. The link is
 *   serving   from a probe that succeeded on: commands are sent. From then on the probe runs now and then, and when
 *             a command is refused by something that its own keys do not explain.
 *   out       from a lost connection, a command that got no answer in time, or a probe that failed on: every attempt
 *             misses at once. The probe runs until it succeeds; then Redis is told what it could not be told
 *             meanwhile, and only then the link serves again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Config } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';
import { keys } from './keys.ts';
import { connect, isOfItsKeys, isRefusal, isTimeout, onEachKey, reasonOf } from './redis.ts';
import { script } from './script.ts';
import { createUntold, type Telling } from './untold.ts';

/** How often the probe runs while the link is out, and while it serves. */
const RETRY_INTERVAL_MS = 500;
const WATCH_INTERVAL_MS = 1_000;
/** A connection that is half open never answers: after so many probes in vain another one is tried. */
const SILENCES_PER_CONNECTION = 3;
/** How often a Redis that refuses is connected to anew: the name may mean another server by now. */
const RECONNECT_INTERVAL_MS = 3_000;
/** A Redis that refuses so soon after it was back is given a longer pause. */
const FLAPPING_MS = 1_000;
const FLAPPING_PAUSE_MS = 1_000;
/** How long other processes may need to tell a Redis that is back what they have to. */
const OTHERS_TELL_WITHIN_MS = 5_000;

/** Why Redis is of no use just now: a sentence of Redis's, or of ours, that anybody may read. */
export class RedisUnusable extends Error {}

const probeScript = script('probe');
const PROBED = [keys.pending('probe'), keys.detail('probe'), keys.idempotency('probe')];

/** Reconnecting brings a Redis that reads its data no nearer, and its limit of clients is not helped by more of them. */
const mayReconnectHelp = (error: unknown): boolean =>
  isRefusal(error) && !/^(LOADING|BUSY|ERR max number of clients)/.test(reasonOf(error));

/** What is told of a link, once a change; one that was lost may turn out to refuse. */
const createReports = (observer: Observer, server: string) => {
  let reached: boolean | undefined;
  let refused = false;
  return {
    serves: () => {
      observer.serverReached({ server, again: reached !== undefined });
      reached = true;
      refused = false;
    },
    fails: (error: unknown) => {
      const before = reached;
      if (before === false && (refused || !isRefusal(error))) return;
      reached = false;
      refused = isRefusal(error);
      if (isTimeout(error)) observer.serverSilent({ server });
      else if (isRefusal(error)) observer.serverRefuses({ server, reason: reasonOf(error) });
      else {
        const reason = error instanceof Error ? error.message || error.name : String(error);
        observer.serverLost({ server, before: before ? 'reached' : 'unknown', reason });
      }
    },
  };
};

export interface Return {
  /** Whether Redis was out before; otherwise this process has just begun. */
  wasOut: boolean;
  /** Whether there was more to be told than could be kept. */
  forgotten: boolean;
}

export interface LinkOptions {
  observer: Observer;
  /** How the observer is told its name. */
  name?: string;
  /** Milliseconds that a command may take; a second by default. */
  timeLimitMs?: number;
  /** Runs each time before the link serves, after what was not told. */
  onReturn?: (redis: Redis, what: Return) => Promise<void>;
}

/** Opens the connection in the background; with CACHE_DISABLED there is none and every attempt misses. */
export const openLink = (
  config: Pick<Config, 'redis' | 'cache'>,
  { observer, name = 'Redis', timeLimitMs, onReturn = async () => {} }: LinkOptions,
) => {
  const redis = config.cache.disabled ? undefined : connect(config.redis, timeLimitMs);
  const untold = createUntold();
  const reports = createReports(observer, name);
  let serving = false;
  let recovering = false;
  let closed = false;
  let why: unknown;
  let reconnectedAt = Number.NEGATIVE_INFINITY;
  /** When the link was back, by Redis's clock in microseconds and by performance.now(). */
  let since = 0;
  let backAt = Number.NEGATIVE_INFINITY;
  let wasOut = false;
  let reached = () => {};
  const firstReached = new Promise<void>((resolve) => {
    reached = resolve;
  });

  let probing: Promise<number> | undefined;
  /** @throws what keeps Redis from working for us */
  const probe = (link: Redis): Promise<number> => {
    probing ??= Promise.all(PROBED.map((key) => probeScript(link, [key])))
      .then((times) => Math.max(...times.map(Number)))
      .finally(() => {
        probing = undefined;
      });
    return probing;
  };

  const out = (error: unknown): void => {
    serving = false;
    wasOut = true;
    why = error;
    if (!closed) reports.fails(error);
  };

  /** Whether a refusal says something of the command that was refused only: the probe decides. */
  const isOfTheCommand = async (link: Redis, error: unknown): Promise<boolean> => {
    if (!isRefusal(error)) return false;
    if (isOfItsKeys(error)) return true;
    await probe(link);
    return true;
  };

  const tellAll = async (link: Redis): Promise<void> => {
    await untold.tellAll(link, (error) => isOfTheCommand(link, error));
    const forgotten = untold.hasForgotten();
    try {
      await onReturn(link, { wasOut, forgotten });
    } catch (error) {
      if (forgotten) untold.stillForgotten();
      throw error;
    }
  };

  const recover = async (link: Redis): Promise<void> => {
    if (recovering) return;
    recovering = true;
    // If memory is only just short, the probe succeeds now and then.
    if (isRefusal(why) && performance.now() < backAt + FLAPPING_MS)
      await sleep(FLAPPING_PAUSE_MS, undefined, { ref: false });
    for (let silences = 0; link.status === 'ready' && !serving && !closed; ) {
      try {
        since = await probe(link);
        do await tellAll(link);
        while (!untold.isEmpty());
        if (link.status !== 'ready') break;
        if (wasOut) backAt = performance.now();
        serving = true;
        reports.serves();
        reached();
      } catch (error) {
        out(error);
        const now = performance.now();
        const isMute = isTimeout(error) && ++silences % SILENCES_PER_CONNECTION === 0;
        if (isMute || (mayReconnectHelp(error) && now >= reconnectedAt + RECONNECT_INTERVAL_MS)) {
          reconnectedAt = now;
          link.disconnect(true);
        }
        await sleep(RETRY_INTERVAL_MS, undefined, { ref: false });
      }
    }
    recovering = false;
  };

  /** @returns whether the command failed for its own sake. Never rejects. */
  const judge = async (link: Redis, error: unknown): Promise<boolean> => {
    observer.commandFailed({ server: name, reason: reasonOf(error) });
    try {
      if (await isOfTheCommand(link, error)) return true;
      // A lost connection tells so itself, by its 'close'.
      if (!isTimeout(error)) return false;
      out(error);
    } catch (failure) {
      out(failure);
    }
    void recover(link);
    return false;
  };

  const watch = async (link: Redis): Promise<void> => {
    if (serving) await probe(link).catch((error) => judge(link, error));
  };
  const watcher = redis && setInterval(watch, WATCH_INTERVAL_MS, redis).unref();

  if (redis) {
    redis.on('ready', () => void recover(redis));
    redis.on('close', () => out(isRefusal(why) && !serving ? why : new Error('the connection closed')));
    redis.on('error', (error) => {
      // ioredis goes on with another database where it may not select ours.
      if (isRefusal(error) && redis.status !== 'end') redis.disconnect(true);
      out(error);
    });
  }

  /** Runs commands; whatever fails about them, the answer is `otherwise`. Never rejects. */
  const attempt = async <T>(commands: (redis: Redis) => Promise<T>, otherwise: T): Promise<T> => {
    if (!redis || !serving) return otherwise;
    try {
      return await commands(redis);
    } catch (error) {
      void judge(redis, error);
      return otherwise;
    }
  };

  return {
    enabled: redis !== undefined,
    attempt,

    /** Does something to each key that matches a pattern. @returns whether it was done to all of them. Never rejects. */
    eachKey: (match: string, work: (redis: Redis, key: string) => Promise<unknown>): Promise<boolean> =>
      attempt(async (link) => {
        await onEachKey(link, match, (key) => work(link, key));
        return true;
      }, redis === undefined),

    /**
     * Tells Redis something that it must know sooner or later: now, or as soon as it is back, before anybody asks it
     * anything. Never rejects.
     */
    tell: async (telling: Telling): Promise<void> => {
      if (!redis) return;
      if (!serving) return untold.add(telling);
      try {
        await telling.tell(redis);
      } catch (error) {
        // Added before the probe: the link must not serve again without having told this.
        untold.add(telling);
        if (await judge(redis, error)) untold.remove(telling);
      }
    },

    /** Resolves once Redis was reached for the first time, or after so many milliseconds. */
    reachedWithin: async (ms: number): Promise<void> => {
      if (redis) await withDeadline(firstReached, ms).catch(() => {});
    },

    /** When the link was last out, by Redis's clock in microseconds: what was written before may not have been told. */
    since: (): number => since,

    /** Whether Redis was out a moment ago, so that other processes may still have to tell it something. */
    isJustBack: (): boolean => performance.now() < backAt + OTHERS_TELL_WITHIN_MS,

    /** @throws RedisUnusable with why Redis is of no use just now */
    ping: async (): Promise<void> => {
      if (!redis) return;
      try {
        if (!serving) throw why;
        await probe(redis);
      } catch (error) {
        if (serving) void judge(redis, error);
        throw new RedisUnusable(reasonOf(error));
      }
    },

    close: async (): Promise<void> => {
      closed = true;
      clearInterval(watcher);
      redis?.disconnect();
    },
  };
};
export type RedisLink = ReturnType<typeof openLink>;
