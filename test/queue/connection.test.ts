/** Connections that are lost while they are set up: others follow. */
import t from 'tap';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { openConnection } from '../../queue/connection.ts';
import { answerOf } from '../../queue/errors.ts';
import { until } from '../../testbed/until.ts';
import { startProxy } from '../faults/engine/proxy.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

const { rabbitmq } = loadConfig(await isolatedEnvironment());

t.test('silent in its setup, so that not even its closing is answered', async (t) => {
  const proxy = await startProxy(rabbitmq.port);
  let setups = 0;
  const connection = await openConnection({ ...rabbitmq, port: proxy.port }, unobserved, 'test', {
    setup: async (model) => {
      if (++setups === 1) proxy.forget();
      await answerOf(model.createChannel());
    },
    lost: () => {},
  });
  t.teardown(async () => {
    await connection.close();
    proxy.close();
  });
  await until('it has begun', () => setups === 1);
  await until('there is another', () => setups === 2, 20_000);
});

t.test('closed by the last step of its setup', async (t) => {
  let setups = 0;
  const connection = await openConnection(rabbitmq, unobserved, 'test', {
    setup: async (model) => {
      if (++setups === 1) await model.close();
    },
    lost: () => {},
  });
  t.teardown(() => connection.close());
  await until('there is another', () => setups === 2, 20_000);
});
