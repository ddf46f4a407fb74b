/** `npx orders queue convert`: what waits in the queue, however often the command is killed, and what it refuses. */
import { randomInt } from 'node:crypto';
import type { Options } from 'amqplib';
import t from 'tap';
import { deadQueue, isThere, onChannel, retryQueue } from '../../queue/topology.ts';
import { until } from '../../testbed/until.ts';
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
import { isolatedEnvironment } from '../helpers/environment.ts';

// Each has queues of its own, and waits most of the time.
t.jobs = 4;

t.test('3,000 jobs that wait keep their order, and none is doubled', async (t) => {
  const { env, queue, model, converting } = await classicQueue(t);
  await (await publishNumbers(model, queue, { name: 'one', most: 3_000 })).done;
  const { code, stdout, stderr } = await run(t, env, 'convert');
  t.strictSame({ code, stdout }, { code: 0, stdout: '' });
  t.match(stderr, `${queue} is a classic queue: 3,000 jobs wait, 0 consumers.`);
  t.match(stderr, `${queue} is a quorum queue. 3,000 jobs were moved.`);
  t.match(stderr, `No consumer is connected. 3,000 jobs wait in ${converting}`);
  t.ok(await isQuorum(model, queue));
  t.strictSame((await takeNumbers(model, queue)).get('one'), upTo(3_000));

  const second = await run(t, env, 'convert');
  t.match(second, {
    code: 0,
    stdout: '',
    stderr: `${converting} is empty and removed: the conversion is done.`,
  });
  t.notOk(await isThere(model, converting));
  t.strictSame(await run(t, env, 'convert'), {
    code: 0,
    stdout: '',
    stderr: `${queue} is a quorum queue.\n`,
  });
});

// transfer.test.ts cuts the moving itself off, more often.
t.test('killed at three random moments and run again: the same', async (t) => {
  const { env, queue, model, converting } = await classicQueue(t);
  const most = 2_000;
  await (await publishNumbers(model, queue, { name: 'one', most })).done;
  for (let kill = 0; kill < 3; kill++) {
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
  t.match(await run(t, env, 'convert'), { code: 0, stdout: '' });
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
  t.match(await run(t, env, 'convert'), { code: 0, stderr: 'the conversion is done' });
  t.ok(await isQuorum(model, queue));
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
  t.match(await run(t, env, 'convert'), { code: 0, stdout: '', stderr: `${delay} is a classic queue, too` });
  t.ok(await isQuorum(model, delay));
  t.ok(await isQuorum(model, queue));
  t.strictSame((await takeNumbers(model, queue)).get('delayed'), [0]);
});

t.test('a classic queue of dead letters is exchanged once it is empty', async (t) => {
  const { env, queue, model } = await classicQueue(t);
  const dead = deadQueue(queue);
  await onChannel(model, async (channel) => {
    await channel.assertQueue(dead, { durable: true });
    channel.sendToQueue(dead, Buffer.from('a letter'));
  });
  t.match(await run(t, env, 'convert'), { code: 0, stdout: '', stderr: `${dead} stays a classic queue` });
  t.notOk(await isQuorum(model, dead));
  t.ok(await isQuorum(model, queue));
  await onChannel(model, (channel) => channel.purgeQueue(dead));
  t.match(await run(t, env, 'convert'), { code: 0, stdout: '', stderr: `${dead} was a classic queue, too` });
  t.ok(await isQuorum(model, dead));
});

t.test('what cannot be converted is said in one sentence', async (t) => {
  const env = await isolatedEnvironment();
  t.strictSame(await run(t, env, 'convert'), {
    code: 0,
    stdout: '',
    stderr: `There is no queue ${env.RABBITMQ_QUEUE_NAME}: nothing to convert.\n`,
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
