/** What a consumer says of itself to probes. */
import type { Observer } from '../process/observer.ts';
import { createProbes, type Work, watchServers } from '../process/probes.ts';

const CONSUMING = 'RabbitMQ for consuming';

/**
 * A consumer is at work while it gets jobs. If MySQL is away or takes no writes it keeps them, and applies them later.
 * @param usesRedis false with CACHE_DISABLED
 * @returns what listens to the observer of the process, and the pages for probes
 */
export const consumerHealth = (usesRedis: boolean) => {
  const servers = watchServers({
    mysql: 'MySQL',
    ...(usesRedis && { redis: 'Redis' }),
    rabbitmq: 'RabbitMQ',
  });
  let takesJobs = false;
  let mysqlTakesWrites = true;
  const leaves = () => {
    takesJobs = false;
  };
  const listener: Partial<Observer> = {
    ...servers.listener,
    consuming: () => {
      takesJobs = true;
    },
    subscriptionFailed: leaves,
    subscriptionEnded: leaves,
    madeWay: leaves,
    serverLost: (event) => {
      servers.listener.serverLost(event);
      if (event.server === CONSUMING) leaves();
    },
    databaseRefusesWrites: () => {
      mysqlTakesWrites = false;
    },
    databaseTakesWrites: () => {
      mysqlTakesWrites = true;
    },
  };
  const work = (): Work => {
    const mysql = { ok: servers.isReached('MySQL') && mysqlTakesWrites };
    const states = { ...servers.states(), mysql };
    return {
      isAtWork: takesJobs,
      isWell: Object.values(states).every(({ ok }) => ok),
      details: { applying: takesJobs && mysql.ok ? 'yes' : 'no', ...states },
    };
  };
  return { listener, ...createProbes(work) };
};
