/** `npx orders queue convert` with what publishes and takes jobs meanwhile. */
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { convertingQueue, isThere } from '../../queue/topology.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import {
  classicQueue,
  count,
  isQuorum,
  PATIENCE_MS,
  publishNumbers,
  run,
  start,
  takeNumbers,
  upTo,
} from '../helpers/conversion.ts';
import { flaskJob } from '../helpers/flask.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

// Each has queues of its own, and waits most of the time.
t.jobs = 4;

/**
 * What other publishers may lose: RabbitMQ confirms a message that reaches a queue in the moment of its deletion. That
 * moment is as long as the machine is slow, and there is one.
 */
const LOST_WITHIN_MS = 100;

t.test('other publishers that go on: what they publish is there once and in order', async (t) => {
  const { env, queue, model } = await classicQueue(t);
  const both = [
    { name: 'slow', pauseMs: 5 },
    { name: 'slower', pauseMs: 10 },
  ];
  const publishers = await Promise.all(both.map((one) => publishNumbers(model, queue, one)));
  await (await publishNumbers(model, queue, { name: 'burst', most: 2_000 })).done;
  t.match(await run(t, env, 'convert'), { code: 0, stdout: '' });
  t.ok(await isQuorum(model, queue));
  const confirmed = await Promise.all(publishers.map(({ stop }) => stop()));
  const taken = await takeNumbers(model, queue);
  for (const [i, { name, pauseMs }] of both.entries()) {
    const there = taken.get(name) ?? [];
    const missing = confirmed[i]?.filter((number) => !there.includes(number)) ?? [];
    const [first = 0, last = first] = [missing[0], missing.at(-1)];
    t.ok((last - first) * pauseMs <= LOST_WITHIN_MS, `${name} lost ${missing}`);
    t.strictSame(
      there,
      confirmed[i]?.filter((number) => !missing.includes(number)),
      name,
    );
  }
  t.strictSame(taken.get('burst'), upTo(2_000));
});

t.test('the API refuses nothing meanwhile', async (t) => {
  const { env, queue, model } = await classicQueue(t);
  const app = await startReadyApp(t, env);
  const payload = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
  const converting = start(t, env, 'convert');
  const codes = new Map<number, number>();
  let slowest = 0;
  const write = async () => {
    while (!converting.said.stderr.includes('is a quorum queue')) {
      const started = performance.now();
      const { statusCode } = await app.inject({ method: 'POST', url: '/orders', payload });
      slowest = Math.max(slowest, performance.now() - started);
      codes.set(statusCode, (codes.get(statusCode) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 16 }, write));
  t.strictSame([...codes.keys()], [202]);
  t.ok(slowest < 10_000, `the slowest took ${Math.round(slowest)} ms`);
  await converting.ended;
  t.ok(await isQuorum(model, queue));
  const waiting = (await count(model, convertingQueue(queue))) + (await count(model, queue));
  t.equal(waiting, codes.get(202), 'each is there once');
});

const create = (order_id: string) =>
  flaskJob('create_order', {
    order_id,
    customer_name: 'Ada',
    status: '0',
    items: [{ name: 'Tea', quantity: 1 }],
  });

t.test(
  'a consumer goes on: jobs without a version end at the last, also if the command is killed',
  async (t) => {
    const { env, queue, model, converting } = await classicQueue(t);
    const consumer = startProcess(t, 'consumer', { ...env, SIMULATED_WRITE_LAG: '0.1' });
    await consumer.says('"msg":"consuming"');
    const stores = await openStores(t, env);
    const orders = upTo(20).map(() => randomUUID());
    for (const order of orders) await stores.publish(create(order));
    let status = 0;
    let stopped = false;
    const publishing = (async () => {
      while (!stopped) {
        status++;
        for (const order_id of orders)
          await stores.publish(flaskJob('update_order_status', { order_id, status: `${status}` }));
      }
    })();
    for (let kill = 0; kill < 2; kill++) {
      const { child, ended } = start(t, env, 'convert');
      await until('it has begun', () => isThere(model, converting), PATIENCE_MS);
      await sleep(randomInt(0, 4_000));
      child.kill('SIGKILL');
      await ended;
    }
    const { code, stdout, stderr } = await run(t, env, 'convert');
    t.strictSame({ code, stdout }, { code: 0, stdout: '' });
    t.match(stderr, 'is empty and removed: the conversion is done.');
    stopped = true;
    await publishing;
    t.ok(await isQuorum(model, queue));
    t.notOk(await isThere(model, converting));
    await until(
      'all orders have their last status',
      async () => {
        const rows = await stores.rows('SELECT COUNT(*) AS n FROM orders WHERE status = ?', [`${status}`]);
        return Number(rows[0]?.n) === orders.length;
      },
      60_000,
    );
    t.equal(await stores.waiting(), 0);
    t.equal(await stores.waiting(`${queue}.dead`), 0);
  },
);

t.test('consumers of another program do not make way: the queue stays as it is', async (t) => {
  const { env, queue, model, converting } = await classicQueue(t);
  await (await publishNumbers(model, queue, { name: 'one', most: 10 })).done;
  const channel = await model.createChannel();
  await channel.prefetch(1);
  await channel.consume(queue, () => {});
  t.match(await run(t, env, 'convert'), {
    code: 1,
    stderr: `1 consumers of ${queue} do not make way, as those of another program or of an older release: stop them`,
  });
  t.notOk(await isThere(model, converting));
  await channel.close();
  t.strictSame((await takeNumbers(model, queue)).get('one'), upTo(10));
});
