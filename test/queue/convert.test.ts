/** `npm run queue -- convert`, from the build, with what publishes and takes jobs meanwhile. */
import { spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ChannelModel, connect, type Options } from 'amqplib';
import t, { type Test } from 'tap';
import { loadConfig } from '../../process/config.ts';
import { kindOf } from '../../queue/arguments.ts';
import { convertingQueue, isThere, onChannel, retryQueue } from '../../queue/topology.ts';
import { withoutTap } from '../../testbed/spawn.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const program = fileURLToPath(new URL('../../dist/ops/queue.js', import.meta.url));
const PATIENCE_MS = 120_000;

/** Starts the command. */
const start = (t: Test, env: NodeJS.ProcessEnv, ...args: string[]) => {
  const [command, options] = withoutTap(process.execPath, program, ...args);
  const child = spawn(command, options, { env, cwd: t.testdir(), stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (text) => {
      said[name] += text;
    });
  const ended = once(child, 'close').then(([code]) => ({ code, ...said }));
  t.teardown(() => child.kill('SIGKILL'));
  return { child, said, ended };
};
const run = (t: Test, env: NodeJS.ProcessEnv, ...args: string[]) => start(t, env, ...args).ended;

/** The queue as an older service has left it, and a connection to look at it. */
const classicQueue = async (t: Test, args: Options.AssertQueue = {}) => {
  const env = await isolatedEnvironment();
  const { queue, publishTimeoutMs: _, ...server } = loadConfig(env).rabbitmq;
  const model = await connect(server);
  t.teardown(() => model.close());
  await onChannel(model, (channel) => channel.assertQueue(queue, { durable: true, ...args }));
  return { env, queue, model, converting: convertingQueue(queue) };
};

/** Publishes numbers from 0 on, `most` of them or until it is stopped; those that were returned do not count. */
const publishNumbers = async (
  model: ChannelModel,
  queue: string,
  { name, most = Number.POSITIVE_INFINITY, pauseMs }: { name: string; most?: number; pauseMs?: number },
) => {
  const channel = await model.createConfirmChannel();
  const returned = new Set<number>();
  channel.on('return', ({ properties }) => returned.add(Number(properties.messageId)));
  let published = 0;
  let stopped = false;
  const publishAll = async () => {
    while (!stopped && published < most) {
      const number = published++;
      const body = Buffer.from(JSON.stringify({ name, number }));
      channel.sendToQueue(queue, body, { persistent: true, mandatory: true, messageId: `${number}` });
      if (pauseMs !== undefined) await sleep(pauseMs);
      else if (number % 500 === 499) await channel.waitForConfirms();
    }
    await channel.waitForConfirms();
    await channel.close();
  };
  const done = publishAll();
  return {
    done,
    /** @returns what the broker has taken, in the order in which it was published */
    stop: async (): Promise<number[]> => {
      stopped = true;
      await done;
      return Array.from({ length: published }, (_, i) => i).filter((number) => !returned.has(number));
    },
  };
};

/** Takes all that waits out of the queue, in the order in which consumers take it. */
const takeNumbers = async (model: ChannelModel, queue: string): Promise<Map<string, number[]>> => {
  const taken = new Map<string, number[]>();
  for (const from of [convertingQueue(queue), queue]) {
    if (!(await isThere(model, from))) continue;
    await onChannel(model, async (channel) => {
      const { messageCount } = await channel.checkQueue(from);
      let left = messageCount;
      await channel.consume(
        from,
        (message) => {
          const { name, number } = JSON.parse(String(message?.content));
          const numbers = taken.get(name) ?? [];
          taken.set(name, numbers);
          numbers.push(number);
          left--;
        },
        { noAck: true },
      );
      await until(`${from} is empty`, () => left === 0, PATIENCE_MS);
    });
  }
  return taken;
};
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
const count = (model: ChannelModel, queue: string) =>
  onChannel(model, async (channel) => (await channel.checkQueue(queue)).messageCount);
const isQuorum = async (model: ChannelModel, queue: string) =>
  (await kindOf(model, queue))?.type === 'quorum';

t.test('3,000 jobs that wait keep their order, and none is doubled', async (t) => {
  const { env, queue, model, converting } = await classicQueue(t);
  await (await publishNumbers(model, queue, { name: 'one', most: 3_000 })).done;
  const { code, stdout, stderr } = await run(t, env, 'convert');
  t.strictSame({ code, stderr }, { code: 0, stderr: '' });
  t.match(stdout, `${queue} is a classic queue: 3,000 jobs wait, 0 consumers.`);
  t.match(stdout, `${queue} is a quorum queue. 3,000 jobs were moved.`);
  t.match(stdout, `No consumer is connected. 3,000 jobs wait in ${converting}`);
  t.ok(await isQuorum(model, queue));
  t.strictSame((await takeNumbers(model, queue)).get('one'), upTo(3_000));

  const second = await run(t, env, 'convert');
  t.match(second, {
    code: 0,
    stderr: '',
    stdout: `${converting} is empty and removed: the conversion is done.`,
  });
  t.notOk(await isThere(model, converting));
  t.strictSame(await run(t, env, 'convert'), {
    code: 0,
    stderr: '',
    stdout: `${queue} is a quorum queue.\n`,
  });
});

t.test('killed at ten random moments and run again: the same', async (t) => {
  const { env, queue, model, converting } = await classicQueue(t);
  const most = 5_000;
  await (await publishNumbers(model, queue, { name: 'one', most })).done;
  for (let kill = 0; kill < 10; kill++) {
    const { child, ended } = start(t, env, 'convert');
    const from = kill === 0 ? 0 : await count(model, converting);
    const moment = from + randomInt(0, 600);
    await until(
      `${moment} are moved`,
      async () =>
        child.exitCode !== null ||
        ((await isThere(model, converting)) && (await count(model, converting)) > moment),
      PATIENCE_MS,
    );
    child.kill('SIGKILL');
    await ended;
  }
  t.match(await run(t, env, 'convert'), { code: 0, stderr: '' });
  t.ok(await isQuorum(model, queue));
  t.strictSame((await takeNumbers(model, queue)).get('one'), upTo(most));
});

t.test('killed between the delete and the new declaration: it is declared', async (t) => {
  const { env, queue, model, converting } = await classicQueue(t);
  const args = { 'x-queue-type': 'quorum' };
  await onChannel(model, async (channel) => {
    await channel.assertQueue(converting, { durable: true, arguments: args });
    await channel.deleteQueue(queue);
  });
  t.match(await run(t, env, 'convert'), { code: 0, stdout: 'the conversion is done' });
  t.ok(await isQuorum(model, queue));
});

/** What other publishers may lose: RabbitMQ confirms a message that reaches a queue in the moment of its deletion. */
const LOST_AT_MOST = 3;

t.test('other publishers that go on: what they publish is there once and in order', async (t) => {
  const { env, queue, model } = await classicQueue(t);
  const names = ['slow', 'slower'];
  const publishers = await Promise.all(
    names.map((name, i) => publishNumbers(model, queue, { name, pauseMs: 5 * (i + 1) })),
  );
  await (await publishNumbers(model, queue, { name: 'burst', most: 2_000 })).done;
  t.match(await run(t, env, 'convert'), { code: 0, stderr: '' });
  t.ok(await isQuorum(model, queue));
  const confirmed = await Promise.all(publishers.map(({ stop }) => stop()));
  const taken = await takeNumbers(model, queue);
  for (const [i, name] of names.entries()) {
    const there = taken.get(name) ?? [];
    const missing = confirmed[i]?.filter((number) => !there.includes(number)) ?? [];
    t.ok(missing.length <= LOST_AT_MOST, `${name} lost ${missing}`);
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
    while (!converting.said.stdout.includes('is a quorum queue')) {
      const started = performance.now();
      const { statusCode } = await app.inject({ method: 'POST', url: '/orders', payload });
      slowest = Math.max(slowest, performance.now() - started);
      codes.set(statusCode, (codes.get(statusCode) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 16 }, write));
  t.strictSame([...codes.keys()], [202]);
  t.ok(slowest < 5_000, `the slowest took ${Math.round(slowest)} ms`);
  await converting.ended;
  t.ok(await isQuorum(model, queue));
  const waiting = (await count(model, convertingQueue(queue))) + (await count(model, queue));
  t.equal(waiting, codes.get(202), 'each is there once');
});

const job = (type: string, payload: object) => ({ job_id: randomUUID(), type, payload });
const create = (order_id: string) =>
  job('create_order', { order_id, customer_name: 'Ada', status: '0', items: [{ name: 'Tea', quantity: 1 }] });

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
          await stores.publish(job('update_order_status', { order_id, status: `${status}` }));
      }
    })();
    for (let kill = 0; kill < 3; kill++) {
      const { child, ended } = start(t, env, 'convert');
      await until('it has begun', () => isThere(model, converting), PATIENCE_MS);
      await sleep(randomInt(0, 4_000));
      child.kill('SIGKILL');
      await ended;
    }
    const { code, stdout, stderr } = await run(t, env, 'convert');
    t.strictSame({ code, stderr }, { code: 0, stderr: '' });
    t.match(stdout, 'is empty and removed: the conversion is done.');
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

t.test('classic delay queues are exchanged, too', async (t) => {
  const { env, queue, model } = await classicQueue(t);
  const delay = retryQueue(queue, 1_000);
  const args = {
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': queue,
    'x-message-ttl': 1_000,
  };
  await onChannel(model, async (channel) => {
    await channel.assertQueue(delay, { durable: true, arguments: args });
    channel.sendToQueue(delay, Buffer.from(JSON.stringify({ name: 'delayed', number: 0 })));
  });
  t.match(await run(t, env, 'convert'), { code: 0, stderr: '', stdout: `${delay} is a classic queue, too` });
  t.ok(await isQuorum(model, delay));
  t.ok(await isQuorum(model, queue));
  t.strictSame((await takeNumbers(model, queue)).get('delayed'), [0]);
});

t.test('what cannot be converted is said in one sentence', async (t) => {
  const usage = 'Usage: npm run queue -- convert\n';
  for (const args of [[], ['burn'], ['convert', 'now']])
    t.strictSame(await run(t, {}, ...args), { code: 1, stdout: '', stderr: usage });
  const env = await isolatedEnvironment();
  t.strictSame(await run(t, env, 'convert'), {
    code: 0,
    stdout: `There is no queue ${env.RABBITMQ_QUEUE_NAME}: nothing to convert.\n`,
    stderr: '',
  });
  t.strictSame(await run(t, { ...env, RABBITMQ_QUEUE_TYPE: 'classic' }, 'convert'), {
    code: 1,
    stdout: '',
    stderr: 'RABBITMQ_QUEUE_TYPE must be quorum to convert the queue, got "classic".\n',
  });
  const odd: [Options.AssertQueue, RegExp][] = [
    [
      { arguments: { 'x-max-length': 5 } },
      /was declared with x-max-length: 5, which the new queue would not have/,
    ],
    [
      { arguments: { 'x-expires': 600_000, 'x-max-priority': 3 } },
      /with (x-expires: 600000, x-max-priority: 3|x-max-priority: 3, x-expires: 600000),/,
    ],
    [{ autoDelete: true }, /inequivalent arg 'auto_delete'/],
    [{ durable: false }, /inequivalent arg 'durable'/],
    [{ arguments: { 'x-queue-type': 'stream' } }, /is a stream queue, not a classic one/],
  ];
  for (const [args, sentence] of odd) {
    const { env, converting, model } = await classicQueue(t, args);
    t.match(await run(t, env, 'convert'), { code: 1, stdout: '', stderr: sentence });
    t.notOk(await isThere(model, converting));
  }
});
