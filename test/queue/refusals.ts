/**
 * If the broker refuses or closes a connection, the log says once why, with the broker's reply code; and a refusal
 * affects only what needs the thing that was refused.
 */
import { connect } from 'amqplib';
import type { Test } from 'tap';
import { type Config, loadConfig } from '../../process/config.ts';
import { createLog } from '../../process/log.ts';
import { logEvents, unobserved } from '../../process/log-events.ts';
import { type Observer, observers } from '../../process/observer.ts';
import { openBroker } from '../../queue/broker.ts';
import { takeJobs } from '../../queue/deliveries.ts';
import { openEventPublisher } from '../../queue/events.ts';
import { DELAYS_MS, deadQueue, retryQueue } from '../../queue/topology.ts';
import { erlang } from '../../testbed/rabbitmqctl.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import type { OwnBroker } from './own-broker.ts';

/** The account of the broker that is limited for a while. */
const ACCOUNT = 'orders';

const listen = () => {
  const reasons: string[] = [];
  const say = (context: object, text?: string) => {
    if ('reason' in context) reasons.push(`${text}: ${context.reason}`);
  };
  return {
    reasons,
    observer: logEvents({ ...createLog('test', { level: 'silent' }), warn: say, info: () => {} }),
  };
};
type Open = (t: Test, config: Config['rabbitmq'], observer: Observer) => Promise<unknown>;
const publisher: Open = async (t, config, observer) => {
  const broker = await openBroker(config, observer);
  t.teardown(() => broker.close());
};
const consumer: Open = async (t, config, observer) => {
  const jobs = await takeJobs(config, observer, 1, () => {});
  t.teardown(() => jobs.close());
};

const cases: [
  what: string,
  before: string | undefined,
  after: string | undefined,
  account: Partial<Config['rabbitmq']>,
  open: Open,
  reason: RegExp,
][] = [
  [
    'a wrong password',
    undefined,
    undefined,
    { password: 'x' },
    publisher,
    /RabbitMQ is not reached yet: 403 ACCESS_REFUSED - Login was refused/,
  ],
  [
    'no rights in the virtual host',
    erlang.addUser('nobody', 'x'),
    undefined,
    { username: 'nobody', password: 'x' },
    publisher,
    /not reached yet: 530 NOT_ALLOWED - access to vhost '\/' refused for user 'nobody'/,
  ],
  [
    'a virtual host that is not there',
    undefined,
    undefined,
    { vhost: 'nowhere' },
    publisher,
    /not reached yet: 530 NOT_ALLOWED - vhost nowhere not found/,
  ],
  [
    'the limit of an account',
    erlang.setUserLimits(ACCOUNT, { 'max-connections': 0 }),
    erlang.clearUserLimits(ACCOUNT),
    {},
    publisher,
    /not reached yet: 530 NOT_ALLOWED - .*connection limit \(0\) is reached/,
  ],
  [
    'the limit of a virtual host',
    erlang.setVhostLimits('/', { 'max-connections': 0 }),
    erlang.clearVhostLimits('/'),
    {},
    consumer,
    /not reached yet: 530 NOT_ALLOWED - .*connection limit \(0\) is reached/,
  ],
  [
    'a limit of channels, when the connection is there',
    erlang.setUserLimits(ACCOUNT, { 'max-channels': 1 }),
    erlang.clearUserLimits(ACCOUNT),
    {},
    publisher,
    /not reached yet: .*530 .*NOT_ALLOWED.*number of channels/,
  ],
  [
    'no right to declare what is not there',
    erlang.setPermissions('nobody', ['', '.*', '.*']),
    undefined,
    { username: 'nobody', password: 'x', queue: 'nowhere' },
    publisher,
    /not reached yet: .*403 .*ACCESS_REFUSED.*queue 'nowhere'/,
  ],
];

export const testRefusals = async (t: Test, broker: OwnBroker): Promise<void> => {
  const { port, evaluate } = broker;
  const { rabbitmq } = loadConfig(await isolatedEnvironment({ RABBITMQ_PORT: String(port) }));

  for (const [what, before, after, account, open, reason] of cases)
    t.test(what, async (t) => {
      if (before) await evaluate(before);
      const { reasons, observer } = listen();
      await open(t, { ...rabbitmq, ...account }, observer);
      await until('it is in the log', () => reasons.some((line) => reason.test(line))).catch((error) =>
        t.fail(`${error} ${reasons.join('\n')}`),
      );
      if (after) await evaluate(after);
      t.equal(new Set(reasons).size, reasons.length, 'nothing is said twice');
    });

  t.test('an exchange that somebody else has declared', async (t) => {
    await evaluate(
      [erlang.addUser('events', 'x'), erlang.setPermissions('events', ['^mine$', '.*', '.*'])].join(),
    );
    const { username, password } = rabbitmq;
    const connection = await connect({ port, username, password });
    t.teardown(() => connection.close());
    const channel = await connection.createChannel();
    await channel.assertExchange('theirs', 'topic', { durable: true });
    await channel.assertExchange('mine', 'topic', { alternateExchange: 'amq.fanout' });
    await channel.assertExchange('direct', 'direct', { durable: true });
    const event = { id: '1', type: 'order.created', at: 0, body: () => Buffer.from('{}') };
    const open = async (eventsExchange: string, account = {}) => {
      const { reasons, observer } = listen();
      const publisher = await openEventPublisher({ ...rabbitmq, ...account, eventsExchange }, observer);
      t.teardown(() => publisher.close());
      return { reasons, publisher };
    };
    const events = { username: 'events', password: 'x' };
    for (const [what, exchange, account] of [
      ['it may not be declared', 'theirs', events],
      ['it has other arguments', 'mine', {}],
    ] as const) {
      const { publisher, reasons } = await open(exchange, account);
      await until(what, async () => (await publisher.publish([event])).confirmed.length === 1).catch(
        (error) => t.fail(`${error} ${reasons.join('\n')}`),
      );
      t.strictSame(reasons, [], what);
    }
    for (const [exchange, account, reason] of [
      ['nowhere', events, /not reached yet: .*404 .*NOT_FOUND.*exchange 'nowhere'/],
      ['direct', {}, /not reached yet: .*406 .*PRECONDITION_FAILED.*arg 'type'/],
    ] as const) {
      const { publisher, reasons } = await open(exchange, account);
      await until('it is in the log', () => reasons.some((line) => reason.test(line))).catch((error) =>
        t.fail(`${error} ${reasons.join('\n')}`),
      );
      t.match(await publisher.publish([event]), { confirmed: [], problem: /not connected/ });
    }
  });

  t.test('a virtual host of another name', async (t) => {
    const vhost = 'my shop/50%';
    await evaluate(
      [erlang.addVhost(vhost), erlang.setPermissions(ACCOUNT, ['.*', '.*', '.*'], vhost)].join(),
    );
    const broker = await openBroker({ ...rabbitmq, vhost }, unobserved);
    t.teardown(() => broker.close());
    await broker.reachedWithin(15_000);
    await broker.accept(Buffer.from('{}'), { messageId: 'there' });
    t.equal(await broker.waiting(), 1);
  });

  t.test('a connection that an operator closes, and another reason meanwhile', async (t) => {
    const { reasons, observer } = listen();
    const broker = await openBroker(rabbitmq, observer);
    t.teardown(() => broker.close());
    await broker.reachedWithin(15_000);
    await evaluate(
      [
        erlang.setUserLimits(ACCOUNT, { 'max-connections': 0 }),
        erlang.closeConnections('maintenance'),
      ].join(),
    );
    for (const reason of [
      /lost: .*320 .*CONNECTION_FORCED - maintenance/,
      /still not reached: 530 NOT_ALLOWED/,
    ])
      await until(`${reason} is in the observer`, () => reasons.some((line) => reason.test(line)));
    await evaluate(erlang.clearUserLimits(ACCOUNT));
    await until('it is back', () => broker.takesMessages());
  });

  t.test(
    'an account without the right to declare dead letters and delay queues accepts and consumes',
    async (t) => {
      const queue = 'limited';
      await evaluate(
        [erlang.addUser(queue, 'x'), erlang.setPermissions(queue, [`^${queue}$`, '.*', '.*'])].join(),
      );
      const account = { ...rabbitmq, username: queue, password: 'x', queue };
      const said: unknown[] = [];
      const observer = observers(unobserved, { queueNotDeclared: ({ queue }) => said.push(queue) });
      const broker = await openBroker(account, observer);
      t.teardown(() => broker.close());
      const accept = (body: string) => broker.accept(Buffer.from(body), { messageId: body });
      await until('a job is accepted', () =>
        accept('first').then(
          () => true,
          () => false,
        ),
      );
      const bodies: string[] = [];
      const became: string[] = [];
      const jobs = await takeJobs(account, unobserved, 1, (delivery) => {
        bodies.push(delivery.body.toString());
        if (bodies.length > 1) return jobs.acknowledge([delivery]);
        void delivery.deadLetter('failed', 'It did not work.').then((moved) => became.push(moved.outcome));
      });
      t.teardown(() => jobs.close());
      await until('it is consumed', () => bodies.length === 1);
      const others = [deadQueue(queue), ...DELAYS_MS.map((ms) => retryQueue(queue, ms))];
      await until('each is said', () => said.length >= others.length);
      t.strictSame(said.toSorted(), others.toSorted(), 'once');

      const other = await openBroker({ ...rabbitmq, queue }, unobserved);
      t.teardown(() => other.close());
      await until('what waits is moved once somebody has declared them', () => became.length === 1, 30_000);
      await accept('second');
      await until('and others go on', () => bodies.includes('second'));
    },
  );
};
