/** Processes of the service that die, stop or have a wrong clock. */
import { setTimeout as sleep } from 'node:timers/promises';
import { workersOf } from '../../../ops/workers.ts';
import { until } from '../../../testbed/until.ts';
import { countLogged, provoke, repeat } from '../engine/faults.ts';
import type { Scenario } from '../engine/scenario.ts';

/** The load goes on until then. */
const KILLED_WITHIN_MS = 60_000;
/** As inject/kill-at-confirm.mjs knows them. */
const deaths = ['death-at-publish', 'death-before-confirm', 'death-at-confirm'];

export const processScenarios: Scenario[] = [
  { number: 1, title: 'no fault' },
  {
    number: 2,
    title: 'SIGKILL of random consumers',
    faults: async ({ world, random, enough }) => {
      while (!enough()) {
        random.pick(world.consumers).kill('SIGKILL');
        await sleep(1_000);
      }
    },
  },
  {
    number: 3,
    title: 'SIGKILL of consumers between COMMIT and acknowledgement',
    world: { consumerInject: 'kill-before-ack', consumerEnv: { KILL_BEFORE_ACK: '0.01' } },
    faults: async ({ world, progress }) => {
      await progress(1);
      const killed = () => world.consumers.some((consumer) => consumer.deaths() > 0);
      await until('a consumer was killed', killed, KILLED_WITHIN_MS);
    },
  },
  {
    number: 4,
    title: 'SIGKILL of API workers, before and after the confirm',
    world: { apiInject: 'kill-at-confirm' },
    // A client whose worker has died tries again until it is answered: that must be the same write.
    // Its key is free again after some seconds: meanwhile others must go on.
    load: { keyed: true, clients: 32 },
    maxRequestMs: 5_000,
    faults: async (context) => {
      const { world, random } = context;
      let provoked = 0;
      await repeat(2, context, async () => {
        for (const death of random.shuffle(deaths)) {
          await sleep(random.integer(1_000, 2_000));
          await provoke(world, death);
          provoked++;
        }
        await sleep(random.integer(1_000, 2_000));
        const workers = await workersOf(random.pick(world.apis).pid());
        if (workers.length > 0) process.kill(random.pick(workers), 'SIGKILL');
      });
      await until(
        `${provoked} dead workers are replaced`,
        () => countLogged(world, 'api', 'a worker died and is replaced') >= provoked,
      );
    },
  },
  {
    number: 19,
    title: 'clocks of two APIs 5 s apart',
    world: { apiInject: 'clock', apis: [{ CLOCK_SKEW_MS: '0' }, { CLOCK_SKEW_MS: '5000' }] },
  },
];
