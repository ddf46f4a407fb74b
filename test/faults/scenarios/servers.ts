/** Servers that die, freeze, forget, or are out of reach. */
import { setTimeout as sleep } from 'node:timers/promises';
import { countLogged, repeat } from '../engine/faults.ts';
import type { Scenario } from '../engine/scenario.ts';
import { mysqlScenarios } from './mysql.ts';
import { rabbitmqScenarios } from './rabbitmq.ts';
import { rabbitmqClusterScenarios } from './rabbitmq-cluster.ts';
import { redisScenarios } from './redis.ts';
import { redisClusterScenarios } from './redis-cluster.ts';
import { SHORT_LIFE_MS, shortLived, storeScenarios } from './stores.ts';

const CUTS = 3;

export const serverScenarios: Scenario[] = [
  ...rabbitmqScenarios,
  ...rabbitmqClusterScenarios,
  ...storeScenarios,
  ...mysqlScenarios,
  ...redisScenarios,
  ...redisClusterScenarios,
  {
    number: 14,
    title: 'TCP connections cut at random, and half open',
    world: { proxied: true, env: shortLived },
    readYourWrites: false,
    shownAfterMs: SHORT_LIFE_MS,
    maxRequestMs: 5_000,
    faults: async (context) => {
      const { world, full, random, fail } = context;
      let cut = 0;
      await repeat(1, context, async () => {
        for (const proxy of world.proxies.values()) {
          for (let n = 0; n < CUTS; n++) {
            await sleep(random.integer(100, 400));
            cut += proxy.cut(() => random.chance(0.5));
          }
          // What is not connected has nothing to lose.
          await world.whole();
          proxy.swallow(true);
          // Longer than a confirm may take, so that one in vain is seen.
          await sleep(full ? 4_000 : 3_000);
          proxy.swallow(false);
          if (!full) continue;
          await sleep(2_000);
          // Nobody cuts these: the service has to find out by itself, RabbitMQ's clients by its heartbeat.
          proxy.forget();
          await sleep(5_000);
        }
      });
      if (cut === 0) fail('no connection was cut');
      for (const trace of ['RabbitMQ is lost', 'Redis does not answer in time', 'No confirm within'])
        if (countLogged(world, 'api', trace) === 0) fail(`no API logged "${trace}"`);
      if (countLogged(world, 'consumer', 'jobs wait for MySQL') === 0) fail('no job waited for MySQL');
    },
  },
];
