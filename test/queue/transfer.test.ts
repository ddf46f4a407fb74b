/** Moving what waits in a classic queue to a quorum queue, and going on where it was cut off. */
import { randomInt, randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import t, { type Test } from 'tap';
import { loadConfig } from '../../process/config.ts';
import { connectOnce } from '../../queue/connection.ts';
import { MOVED } from '../../queue/headers.ts';
import { socketOf } from '../../queue/pulse.ts';
import { convertingQueue, declare, onChannel } from '../../queue/topology.ts';
import { assertLast, openTransfer, type Places } from '../../queue/transfer.ts';
import { until } from '../../testbed/until.ts';
import { count, PATIENCE_MS, publishNumbers, takeNumbers, upTo } from '../helpers/conversion.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

// Each has queues of its own.
t.jobs = 4;

const { rabbitmq } = loadConfig(await isolatedEnvironment());

/** Numbers in a classic queue, the two others as the command declares them, and a connection to look at them. */
const placesWith = async (t: Test, most: number) => {
  const from = randomUUID();
  const places: Places = { from, to: convertingQueue(from), last: `${convertingQueue(from)}.last` };
  const model = await connectOnce(rabbitmq, 'test');
  t.teardown(() => model.close());
  await declare(model, { name: from, args: { 'x-queue-type': 'classic' } });
  await declare(model, { name: places.to, args: { 'x-queue-type': 'quorum' } });
  await assertLast(model, places.last);
  await (await publishNumbers(model, from, { name: 'one', most })).done;
  const take = async () => (await takeNumbers(model, from)).get('one') ?? [];
  return { model, places, take };
};

/** Moves by a connection of its own, from the moment on in which nobody else does. */
const transferBy = async (model: ChannelModel, places: Places) =>
  until('the queue is free', () => openTransfer(model, places), PATIENCE_MS);

const moveAll = async (model: ChannelModel, places: Places) => {
  const transfer = await transferBy(model, places);
  await transfer.whenSettled();
  await until('all is moved', async () => (await count(model, places.from)) === 0, PATIENCE_MS);
  await transfer.pause();
  await transfer.close();
  return transfer.moved();
};

t.test('cut off at ten random moments: all are moved once, in order', async (t) => {
  const most = 2_000;
  const { model, places, take } = await placesWith(t, most);
  for (let cut = 0; cut < 10; cut++) {
    const own = await connectOnce(rabbitmq, 'test');
    own.on('error', () => {});
    const transfer = await transferBy(own, places);
    const moment = randomInt(1, 200);
    let settled = false;
    transfer.whenSettled().then(
      () => {
        settled = true;
      },
      () => {},
    );
    // Without a pause in which what is on its way comes in.
    while (transfer.moved() < moment && !settled) await setImmediate();
    socketOf(own)?.destroy(new Error('cut off'));
  }
  await moveAll(model, places);
  t.strictSame(await take(), upTo(most));
});

const most = 10;
const arrived = 7;

/** As a cut leaves it: all were published, and the last of them did not come in. Nothing is acknowledged. */
const withSomeMissing = async (t: Test) => {
  const there = await placesWith(t, most);
  const { model, places } = there;
  await onChannel(model, async (channel) => {
    for (let number = 0; number < most; number++) {
      const message = await channel.get(places.from);
      if (!message) throw new Error(`${number} is not there.`);
      const { content, properties } = message;
      const options = { ...properties, headers: { [MOVED]: number + 1 } };
      channel.sendToQueue(places.last, content, options);
      if (number < arrived) channel.sendToQueue(places.to, content, options);
    }
  });
  await until('all are there', async () => (await count(model, places.to)) === arrived, PATIENCE_MS);
  await until('all are back', async () => (await count(model, places.from)) === most, PATIENCE_MS);
  return there;
};

t.test('what was published and did not come in is moved again', async (t) => {
  const { model, places, take } = await withSomeMissing(t);
  t.equal(await moveAll(model, places), most - arrived);
  t.strictSame(await take(), upTo(most));
});

t.test('where consumers take, all that may be missing is moved again, in order', async (t) => {
  const { model, places } = await withSomeMissing(t);
  const taken: number[] = [];
  const channel = await model.createChannel();
  await channel.consume(places.to, (message) => taken.push(JSON.parse(String(message?.content)).number));
  t.equal(await moveAll(model, places), most);
  await until('all are taken', () => taken.length === arrived + most, PATIENCE_MS);
  t.strictSame(taken, [...upTo(arrived), ...upTo(most)]);
});

t.test('where consumers have taken some, too', async (t) => {
  const { model, places, take } = await withSomeMissing(t);
  await onChannel(model, async (channel) => {
    const first = await channel.get(places.to);
    if (first) channel.ack(first);
  });
  t.equal(await moveAll(model, places), most);
  t.strictSame(await take(), [...upTo(arrived).slice(1), ...upTo(most)]);
});
