/** Two connections to two nodes: when the first is lost, or its node is frozen, messages go on over the second one. */
import t from 'tap';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { observers } from '../../process/observer.ts';
import { openBroker } from '../../queue/broker.ts';
import { PublishError } from '../../queue/errors.ts';
import { until } from '../../testbed/until.ts';
import { startProxy } from '../faults/engine/proxy.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

const { rabbitmq } = loadConfig(await isolatedEnvironment({ PUBLISH_TIMEOUT: '1' }));
const [{ port }] = rabbitmq.hosts;
const [first, second] = [await startProxy(port), await startProxy(port)];
const reached: string[] = [];
const observer = observers(unobserved, {
  serverReached: ({ server, at }) => reached.push(`${server} at ${at}`),
});
const at = (proxy: typeof first) => ({ hostname: '127.0.0.1', port: proxy.port });
const config = { ...rabbitmq, hosts: [at(first), at(second)] as typeof rabbitmq.hosts };
const broker = await openBroker(config, observer, { hasSpare: true });
t.teardown(async () => {
  await broker.close();
  first.close();
  second.close();
});

/** Fewer than a message and its confirm, and more than heartbeats. */
const MESSAGE_BYTES = 100;

let sent = 0;
const outcomes: string[] = [];
const accept = () =>
  broker.accept(Buffer.from('{}'), { messageId: String(sent++) }).then(
    () => {
      outcomes.push('accepted');
      return true;
    },
    (error) => {
      outcomes.push(error instanceof PublishError ? error.outcome : String(error));
      return false;
    },
  );
/** Waits until messages have gone over these; the second one takes its first when it has been there for a while. */
const used = async (...proxies: (typeof first)[]) => {
  const before = proxies.map((proxy) => proxy.passed());
  const grown = () => proxies.every((proxy, i) => proxy.passed() > (before[i] ?? 0) + MESSAGE_BYTES);
  await until('messages go over it', async () => (await accept()) && grown(), 30_000);
};

t.test('one connection to each', async (t) => {
  await until('both are there', () => reached.length === 2);
  t.strictSame(
    new Set(reached),
    new Set([
      `RabbitMQ at 127.0.0.1:${first.port}`,
      `RabbitMQ, second connection at 127.0.0.1:${second.port}`,
    ]),
  );
  await used(first, second);
});

t.test('a node that is frozen costs one time limit', async (t) => {
  outcomes.length = 0;
  first.forget();
  const began = performance.now();
  await until('a message is accepted', accept);
  const ms = performance.now() - began;
  t.ok(ms < 2_500, `after ${ms} ms`);
  t.strictSame(outcomes, ['unknown', 'accepted']);
});

t.test('one that is cut costs nothing', async (t) => {
  await until('the first is back', () => reached.length === 3, 30_000);
  await used(first);
  outcomes.length = 0;
  first.cut();
  for (let n = 0; n < 20; n++) await accept();
  t.ok(
    outcomes.slice(1).every((outcome) => outcome === 'accepted'),
    outcomes.join(),
  );
});
