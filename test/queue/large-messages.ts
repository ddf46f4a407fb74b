/** A message that is larger than RabbitMQ's max_message_size fails alone, whoever sends it. */
import type { Test } from 'tap';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { observers } from '../../process/observer.ts';
import { openBroker } from '../../queue/broker.ts';
import { connectOnce } from '../../queue/connection.ts';
import { deadLetters } from '../../queue/dead-letters.ts';
import { takeJobs } from '../../queue/deliveries.ts';
import { openEventPublisher } from '../../queue/events.ts';
import { erlang } from '../../testbed/rabbitmqctl.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import type { OwnBroker } from './own-broker.ts';

const LIMIT_BYTES = 100_000;
const DEFAULT_LIMIT_BYTES = 134_217_728;

export const testLargeMessages = async (t: Test, { port, evaluate }: OwnBroker): Promise<void> => {
  const { rabbitmq } = loadConfig(await isolatedEnvironment({ RABBITMQ_PORT: String(port) }));
  const queue = 'large';
  const config = { ...rabbitmq, queue };
  const failed: string[] = [];
  const observer = observers(unobserved, { channelFailed: ({ reason }) => failed.push(reason) });
  const broker = await openBroker(config, observer);
  t.teardown(() => broker.close());
  const large = Buffer.alloc(200_000, 'x');
  await until('it is accepted', () =>
    broker.accept(large, { messageId: 'large' }).then(
      () => true,
      () => false,
    ),
  );
  // New limits count from a new connection on.
  await evaluate(
    [erlang.setVariable('max_message_size', LIMIT_BYTES), erlang.closeConnections('new limits')].join(),
  );
  const became: string[] = [];
  const jobs = await takeJobs(config, unobserved, 10, (delivery) => {
    if (delivery.body.length === large.length)
      void delivery.deadLetter('failed', 'It did not work.').then((moved) => became.push(moved.outcome));
    else jobs.acknowledge([delivery]);
  });
  t.teardown(() => jobs.close());
  await until('it is moved', () => became.length > 0);
  t.strictSame(became, ['dead']);
  await until('it is a dead letter', async () => {
    const { letters } = await deadLetters(broker)
      .list(0, 1)
      .catch(() => ({ letters: [] }));
    return letters[0]?.body_bytes === large.length;
  });
  const together = await Promise.allSettled([
    broker.accept(large, { messageId: '1' }),
    ...Array.from({ length: 20 }, (_, i) => broker.accept(Buffer.from('small'), { messageId: `small ${i}` })),
  ]);
  t.match(together[0], {
    status: 'rejected',
    reason: {
      outcome: 'impossible',
      message: 'The message has 200000 bytes, and RabbitMQ takes 100000 at the most.',
    },
  });
  t.ok(
    together.slice(1).every(({ status }) => status === 'fulfilled'),
    'it fails alone',
  );
  await t.resolves(broker.accept(Buffer.alloc(LIMIT_BYTES, 'x'), { messageId: '3' }), 'one that just fits');
  t.strictSame(failed, [], 'no channel was closed for it');

  const events = await openEventPublisher({ ...rabbitmq, eventsExchange: 'large' }, observer);
  t.teardown(() => events.close());
  const binder = await connectOnce(rabbitmq, 'test');
  t.teardown(() => binder.close());
  const channel = await binder.createChannel();
  const publication = (id: string, whole: number, bare: number) => ({
    id,
    type: 'order.created',
    at: Date.now(),
    body: (isBare = false) => Buffer.alloc(isBare ? bare : whole, 'x'),
  });
  const all = [
    publication('fits', 10, 10),
    publication('cut short', 200_000, 20),
    publication('given up', 200_000, 200_000),
  ];
  await until(
    'the exchange is there',
    async () => (await events.publish(all.slice(0, 1))).confirmed.length === 1,
  );
  const { queue: bound } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(bound, 'large', '#');
  const { confirmed } = await events.publish(all);
  t.strictSame(new Set(confirmed), new Set(all), 'the hub goes on');
  const lengths: number[] = [];
  for (let got = await channel.get(bound); got; got = await channel.get(bound))
    lengths.push(got.content.length);
  t.strictSame(lengths.toSorted(), [10, 20]);
  t.strictSame(failed, []);
  await evaluate(erlang.setVariable('max_message_size', DEFAULT_LIMIT_BYTES));
};
