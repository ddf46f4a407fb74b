/** Connections that are lost while they are set up: others follow. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { observers } from '../../process/observer.ts';
import { openConnection } from '../../queue/connection.ts';
import { answerOf } from '../../queue/errors.ts';
import { until } from '../../testbed/until.ts';
import { startProxy } from '../faults/engine/proxy.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

const { rabbitmq } = loadConfig(await isolatedEnvironment());
const [{ port }] = rabbitmq.hosts;

t.test('silent in its setup, so that not even its closing is answered', async (t) => {
  const proxy = await startProxy(port);
  let setups = 0;
  const connection = await openConnection(
    { ...rabbitmq, hosts: [{ hostname: '127.0.0.1', port: proxy.port }] },
    unobserved,
    'test',
    {
      setup: async (model) => {
        if (++setups === 1) proxy.forget();
        await answerOf(model.createChannel());
      },
      lost: () => {},
    },
  );
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

const at = (port: number) => ({ hostname: '127.0.0.1', port });

t.test(
  'several hosts: each connection that is lost or cannot be made is followed by the next host',
  async (t) => {
    const [nowhere, first, second] = [await freePort(), await startProxy(port), await startProxy(port)];
    const told: string[] = [];
    const observer = observers(unobserved, {
      serverReached: (event) => told.push(`reached ${event.at}`),
      serverLost: ({ reason }) => told.push(`lost ${reason.split(' ')[0]}`),
    });
    const hosts: typeof rabbitmq.hosts = [at(nowhere), at(first.port), at(second.port)];
    let isUnwanted = false;
    const connection = await openConnection({ ...rabbitmq, hosts }, observer, 'test', {
      setup: async () => {
        if (isUnwanted) throw new Error('unwanted');
      },
      lost: () => {},
    });
    t.teardown(async () => {
      await connection.close();
      for (const proxy of [first, second]) proxy.close();
    });
    const toldSo = (...lines: string[]) => until(lines.join(), () => told.join() === lines.join());
    const [none, one, two] = hosts.map(({ port }) => `127.0.0.1:${port}`);
    await toldSo(`lost ${none}:`, `reached ${one}`);
    told.length = 0;
    first.cut();
    await toldSo(`lost ${one}:`, `reached ${two}`);
    told.length = 0;
    isUnwanted = true;
    second.cut();
    await until('all are tried', () => told.length >= 4);
    t.strictSame(told.slice(0, 4), [`lost ${two}:`, `lost ${none}:`, `lost ${one}:`, `lost ${two}:`]);
    isUnwanted = false;
    await until('one is reached', () => told.at(-1)?.startsWith('reached'));
  },
);

t.test('a host that takes connections and says nothing is left for the next one', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port: silentPort } = silent.address() as AddressInfo;
  let setups = 0;
  const started = performance.now();
  const hosts: typeof rabbitmq.hosts = [at(silentPort), at(port)];
  const connection = await openConnection({ ...rabbitmq, hosts }, unobserved, 'test', {
    setup: async () => {
      setups++;
    },
    lost: () => {},
  });
  t.teardown(async () => {
    await connection.close();
    silent.close();
  });
  await until('the other is reached', () => setups === 1);
  const ms = performance.now() - started;
  t.ok(ms < 4_500, `after ${ms} ms`);
});

t.test(
  'a node that says nothing any more is left within seconds, though the connection is open',
  async (t) => {
    const [first, second] = [await startProxy(port), await startProxy(port)];
    const reached: string[] = [];
    const reasons: string[] = [];
    const observer = observers(unobserved, {
      serverReached: ({ at = '' }) => reached.push(at),
      serverLost: ({ reason }) => reasons.push(reason),
    });
    const hosts: typeof rabbitmq.hosts = [at(first.port), at(second.port)];
    const connection = await openConnection({ ...rabbitmq, hosts }, observer, 'test', {
      setup: async () => {},
      lost: () => {},
    });
    t.teardown(async () => {
      await connection.close();
      for (const proxy of [first, second]) proxy.close();
    });
    await until('the first is reached', () => reached.length === 1);
    await sleep(6_000);
    t.strictSame(reasons, [], 'a connection that nobody uses is not silent');
    first.forget();
    const began = performance.now();
    await until('the second is reached', () => reached.length === 2);
    const ms = performance.now() - began;
    t.ok(ms < 8_000, `after ${ms} ms`);
    t.strictSame(reasons, [`127.0.0.1:${first.port}: RabbitMQ has said nothing for 4 s.`]);
  },
);
