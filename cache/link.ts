/**
 * A link to Redis, and what everything above it relies on: if Redis fails, attempts miss as with an empty cache, and no
 * request waits for it. A Redis that answers but refuses is as good as away: it may be a replica after a failover, be
 * out of memory, be unable to write to its disk, or not let our account run scripts. One probe decides: a script that
 * writes in the way in which the service does, on each master of a cluster. The link is either
 *   serving   Commands are sent. This begins when the probe has succeeded. The probe then runs every second, and
 *             whenever a command is refused for a reason that has nothing to do with its keys.
 *   out       Every attempt misses at once. This begins when the connection is lost, a command gets no answer in time,
 *             or the probe fails. The probe then runs until it succeeds; after that Redis is told what it could not be
 *             told meanwhile, and only then the link serves again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Config } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';
import type { Address } from './cluster-slots.ts';
import { onEachKey } from './masters.ts';
import { probe } from './probe.ts';
import { isOfItsKeys, isRefusal, isTimeout, reasonOf } from './redis.ts';
import { createReports } from './reports.ts';
import { type RedisServers, redisServers } from './servers.ts';
import { createUntold, type Telling } from './untold.ts';

/** How often the probe runs while the link is out, and while it serves. */
const RETRY_INTERVAL_MS = 500;
const WATCH_INTERVAL_MS = 1_000;
/** After so many probes without an answer we try another connection, as a half-open one never answers. */
const SILENCES_PER_CONNECTION = 3;
/** How often we connect again to a Redis that refuses: by now its name may lead to another server. */
const RECONNECT_INTERVAL_MS = 3_000;
/** If Redis refuses so soon after it was back, we wait for the longer pause before we probe again. */
const FLAPPING_MS = 1_000;
const FLAPPING_PAUSE_MS = 1_000;
/** How long after an outage other processes may still be telling Redis what they could not tell it meanwhile. */
const OTHERS_TELL_WITHIN_MS = 5_000;

/** Says why Redis is of no use at present, in a sentence of Redis's or ours that is fit for anybody to read. */
export class RedisUnusable extends Error {}

/**
 * Whether a new connection may help against this refusal. It does not if Redis is still loading its data, is busy with
 * a script, or has too many clients already.
 */
const mayReconnectHelp = (error: unknown): boolean =>
  isRefusal(error) && !/^(LOADING|BUSY|ERR max number of clients)/.test(reasonOf(error));

/** How Redis came to be usable. */
export interface Return {
  /** Whether it was out before. If not, this process has just begun. */
  wasOut: boolean;
  /** Whether this process had more to tell Redis than it could keep, and forgot some of it. */
  forgotten: boolean;
}

export interface LinkOptions {
  observer: Observer;
  /** What the links of a process have in common. */
  servers?: RedisServers;
  /** The name by which the observer is told of it. */
  name?: string;
  /** How many milliseconds a command may take; a second by default. */
  timeLimitMs?: number;
  /** Runs each time before the link serves, after Redis has been told what it had not been told. */
  onReturn?: (redis: Redis, what: Return) => Promise<void>;
}

/** Opens the connection in the background. With CACHE_DISABLED there is none, and every attempt misses. */
export const openLink = (
  config: Pick<Config, 'redis' | 'cache'>,
  {
    observer,
    servers = redisServers(config.redis),
    name = 'Redis',
    timeLimitMs,
    onReturn = async () => {},
  }: LinkOptions,
) => {
  const untold = createUntold();
  const reports = createReports(observer, name, config.redis);
  let serving = false;
  let recovering = false;
  let closed = false;
  let why: unknown;
  let reconnectedAt = Number.NEGATIVE_INFINITY;
  /** When the link last began to serve, by Redis's clock in microseconds and (after an outage) by performance.now(). */
  let since = 0;
  let backAt = Number.NEGATIVE_INFINITY;
  let wasOut = false;
  let outages = 0;
  let reached = () => {};
  const firstReached = new Promise<void>((resolve) => {
    reached = resolve;
  });

  let probing: Promise<number> | undefined;
  /** Probes Redis, for all who want to know at the same time. @throws the error that keeps it from working for us */
  const probeOnce = (link: Redis): Promise<number> => {
    probing ??= probe(link).finally(() => {
      probing = undefined;
    });
    return probing;
  };

  const out = (error: unknown, at?: Address): void => {
    serving = false;
    wasOut = true;
    outages++;
    why = error;
    if (!closed) reports.fails(error, at);
  };

  /**
   * Whether an error concerns only the command that failed. If its keys do not explain that, the probe decides.
   * @throws the probe's error if Redis as a whole does not work
   */
  const isOfTheCommand = async (link: Redis, error: unknown): Promise<boolean> => {
    if (!isRefusal(error)) return false;
    if (isOfItsKeys(error)) return true;
    await probeOnce(link);
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
        const before = outages;
        since = await probeOnce(link);
        do await tellAll(link);
        while (!untold.isEmpty());
        if (link.status !== 'ready' || outages !== before) continue;
        if (wasOut) backAt = performance.now();
        serving = true;
        reports.serves();
        reached();
      } catch (error) {
        if (isReplaced(link, error)) break;
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
    if (redis && link !== redis && redis.status === 'ready') void recover(redis);
  };

  /**
   * Decides what the failure of a command means. If it means that Redis does not work, the link is out.
   * @returns whether the error concerns only the command. Never rejects.
   */
  const judge = async (link: Redis, error: unknown): Promise<boolean> => {
    observer.commandFailed({ server: name, reason: reasonOf(error) });
    if (isReplaced(link, error)) return false;
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

  const watch = async (): Promise<void> => {
    const link = redis;
    if (link && serving) await probeOnce(link).catch((error) => judge(link, error));
  };

  const open = (): Redis => {
    const link = servers.open(timeLimitMs);
    link.on('ready', () => void recover(link));
    link.on('close', () => {
      if (link !== redis) return;
      out(isRefusal(why) && !serving ? why : new Error('the connection closed'));
      reports.isNewConnection();
    });
    link.on('error', (error, at?: Address) => {
      // ioredis goes on with another database where it may not select ours.
      if (isRefusal(error) && link.status !== 'end') link.disconnect(true);
      if (link === redis) out(error, at);
    });
    return link;
  };
  let redis = config.cache.disabled ? undefined : open();
  const watcher = redis && setInterval(watch, WATCH_INTERVAL_MS).unref();

  /** Replaces the connection if Redis turns out to be a cluster, and is used in another way. @returns whether it did */
  const isReplaced = (link: Redis, error: unknown): boolean => {
    if (link !== redis) return true;
    if (!servers.isWrong(link, error)) return false;
    observer.clusterFound({ server: name });
    serving = false;
    why = error;
    probing = undefined;
    redis = open();
    link.disconnect();
    return true;
  };

  /** Runs commands. @returns their result, or `otherwise` if the link is out or they fail. Never rejects. */
  const attempt = async <T>(commands: (redis: Redis) => Promise<T>, otherwise: T): Promise<T> => {
    const link = redis;
    if (!link || !serving) return otherwise;
    try {
      return await commands(link);
    } catch (error) {
      void judge(link, error);
      return otherwise;
    }
  };

  return {
    enabled: redis !== undefined,
    servers,
    attempt,

    /**
     * Runs `work` on each key that matches a pattern.
     * @returns whether that succeeded for all keys; true with CACHE_DISABLED. Never rejects.
     */
    eachKey: (match: string, work: (redis: Redis, key: string) => Promise<unknown>): Promise<boolean> =>
      attempt(async (link) => {
        await onEachKey(link, match, (key) => work(link, key));
        return true;
      }, redis === undefined),

    /**
     * Tells Redis something that it must know sooner or later. If Redis is out it is told as soon as it is back, before
     * anybody reads from it. Never rejects.
     */
    tell: async (telling: Telling): Promise<void> => {
      const link = redis;
      if (!link) return;
      if (!serving) return untold.add(telling);
      try {
        await telling.tell(link);
      } catch (error) {
        // Added before the probe: the link must not serve again without having told this.
        untold.add(telling);
        if (await judge(link, error)) untold.remove(telling);
      }
    },

    /** Resolves when Redis has been reached for the first time, or after `ms` milliseconds. Never rejects. */
    reachedWithin: async (ms: number): Promise<void> => {
      if (redis) await withDeadline(firstReached, ms).catch(() => {});
    },

    /** When the link began to serve, by Redis's clock in microseconds: it may not know of writes before that. */
    since: (): number => since,

    /** Whether Redis was out until a moment ago, so that other processes may still have something to tell it. */
    isJustBack: (): boolean => performance.now() < backAt + OTHERS_TELL_WITHIN_MS,

    /** Finds out whether Redis works. @throws RedisUnusable, which says why Redis is of no use at present */
    ping: async (): Promise<void> => {
      const link = redis;
      if (!link) return;
      try {
        if (!serving) throw why;
        await probeOnce(link);
      } catch (error) {
        if (serving) void judge(link, error);
        throw new RedisUnusable(reasonOf(error));
      }
    },

    /** Closes the connection at once. */
    close: async (): Promise<void> => {
      closed = true;
      reports.end();
      clearInterval(watcher);
      redis?.disconnect();
    },
  };
};
export type RedisLink = ReturnType<typeof openLink>;
