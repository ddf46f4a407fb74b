/** The scripts in the middle of load. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCheckout } from '../../ops/checkout.ts';
import type { Scenario } from '../engine/scenario.ts';

export const scriptScenarios: Scenario[] = [
  {
    number: 18,
    title: 'stop_services.sh and start_services.sh in the middle of load',
    world: { apis: [], consumers: 0 },
    load: { resetRefuses: true },
    prepare: async (world, teardown) => {
      const checkout = await makeCheckout({ teardown });
      const servers = Object.entries(world.serviceEnv).filter(([name]) =>
        /^(DB|REDIS|RABBITMQ|MQ)_/.test(name),
      );
      const env = { ...Object.fromEntries(servers), SIMULATED_WRITE_LAG: '0.002', LOG_LEVEL: 'debug' };
      const start = async () => {
        const { code, output } = await checkout.begin(join(checkout.folder, 'start_services.sh'), [], env)
          .outcome;
        if (code !== 0) throw new Error(output);
      };
      await start();
      world.urls.push(checkout.url);
      return { start, stop: () => checkout.stop('--keep-backends'), folder: checkout.folder };
    },
    faults: async ({ load, progress, fail, prepared }) => {
      for (const share of [0.3, 0.6]) {
        await progress(share);
        await prepared?.stop();
        await prepared?.start();
      }
      await progress(1);
      const { unknown, unreadable } = load.counts;
      if (unknown + unreadable > 0) fail(`${unknown} writes and ${unreadable} reads failed in flight`);
      const folder = prepared?.folder ?? '';
      const again = readdirSync(folder)
        .filter((name) => /^worker_\d+\.log$/.test(name))
        .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
        // A PATCH changes nothing, too, where a newer one was faster.
        .filter((line) => line.includes('"create_order"') && line.includes('"outcome":"unchanged"'));
      if (again.length > 0) fail(`${again.length} jobs were delivered again after they were applied`);
    },
  },
];
