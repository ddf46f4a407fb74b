/**
 * Which connections a pool hands out, and how long it lets others wait for one. mysql2's own pool hands out whatever is
 * open, lets its callers wait for ever, and fails at once if the server has no room for another connection.
 */
import type { PoolConnection } from 'mysql2';
import type { Pool } from 'mysql2/promise';
import { isFull } from './errors.ts';
import { socketOf } from './socket.ts';

/** How long we make do with what is open after the server had no room for another connection. */
const FULL_MS = 100;

interface HandOut {
  /** How many connections there may be. */
  limit: number;
  /** How long a caller waits for one, in milliseconds. */
  waitMs: number;
  /** Sets a new connection up. @throws the database's error: then it is closed */
  setUp: (connection: PoolConnection) => Promise<void>;
  /** Says more of the error of a connection that could not be made. */
  explain: (error: unknown) => unknown;
}

export interface Usage {
  busy: number;
  idle: number;
  /** How many callers wait for one. */
  waiting: number;
}

type Give = (error: unknown, connection?: PoolConnection) => void;

/** What a caller gets who has waited in vain. */
const busy = (limit: number) =>
  Object.assign(new Error(`All ${limit} connections to MySQL are in use.`), { code: 'POOL_BUSY' });

/**
 * Makes a pool hand out only connections of the present generation, each of them set up. Who waits in vain is told why:
 * all are in use (POOL_BUSY), or the server takes no more.
 * @returns `leave` begins a new generation: what is idle is closed, and what is in use when it is given back. `usage` tells
 *   how many connections are busy and idle, and how many callers wait for one
 */
export const handOutSetUp = ({ pool }: Pool, { limit, waitMs, setUp, explain }: HandOut) => {
  const generations = new WeakMap<object, number>();
  let generation = 0;
  const idle = new Set<PoolConnection>();
  let open = 0;
  pool.on('connection', (connection) => {
    open++;
    socketOf(connection)?.once('close', () => {
      open--;
      idle.delete(connection);
    });
  });
  pool.on('acquire', (connection) => idle.delete(connection));
  pool.on('release', (connection) => {
    if (generations.get(connection) === generation) idle.add(connection);
    else connection.destroy();
  });
  let isQueued = false;
  pool.on('enqueue', () => {
    isQueued = true;
  });
  /** What the server said when it was full, and until when it is not asked again, as performance.now(). */
  let full: { error: unknown; until: number } | undefined;
  const getConnection = pool.getConnection.bind(pool);

  let waiters = 0;
  /** Lets a caller wait in mysql2's queue, for a time. */
  const wait = (give: Give) => {
    waiters++;
    const waiting = { isOver: false, timer: setTimeout(giveUp, waitMs) };
    function giveUp() {
      waiting.isOver = true;
      waiters--;
      give(busy(limit));
    }
    return waiting;
  };

  const tryLater = (give: Give, error: unknown, giveUpAt: number): void => {
    if (performance.now() >= giveUpAt) give(error);
    else setTimeout(handOut, FULL_MS, give, giveUpAt);
  };

  /** @param giveUpAt performance.now() until which a server that is full is asked again */
  const handOut = (give: Give, giveUpAt?: number): void => {
    if (full && idle.size === 0 && performance.now() < full.until) {
      tryLater(give, full.error, giveUpAt ?? performance.now() + waitMs);
      return;
    }
    let waiting: ReturnType<typeof wait> | undefined;
    isQueued = false;
    getConnection((error, connection) => {
      // Nobody can leave the queue, so who has given up hands on what he gets.
      if (waiting?.isOver) return connection?.release();
      if (waiting) waiters--;
      clearTimeout(waiting?.timer);
      if (error) {
        if (!isFull(error)) return give(explain(error));
        full = { error, until: performance.now() + FULL_MS };
        return tryLater(give, error, giveUpAt ?? performance.now() + waitMs);
      }
      const born = generations.get(connection);
      if (born === generation) return give(null, connection);
      if (born !== undefined) {
        connection.destroy();
        return handOut(give, giveUpAt);
      }
      const current = generation;
      setUp(connection).then(
        () => {
          generations.set(connection, current);
          give(null, connection);
        },
        (failure) => {
          connection.destroy();
          give(failure);
        },
      );
    });
    if (isQueued) waiting = wait(give);
  };

  // mysql2 gets the connection of every statement by this function.
  pool.getConnection = (callback) => handOut(callback as Give);
  return {
    leave: (): void => {
      generation++;
      for (const connection of idle) connection.destroy();
    },
    usage: (): Usage => ({ busy: open - idle.size, idle: idle.size, waiting: waiters }),
  };
};
