/** Whatever a broker can deliver can be moved: its body as it came, its headers as far as they can be written. */
import t, { type Test } from 'tap';
import { loadConfig } from '../../process/config.ts';
import { createLog } from '../../process/log.ts';
import { logEvents } from '../../process/log-events.ts';
import { type Delivery, takeJobs } from '../../queue/deliveries.ts';
import { deadQueue, retryQueue } from '../../queue/topology.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';
import { untilDeclared } from '../helpers/queues.ts';
import { headersOnly, longString, publishRaw, shortString, uint } from '../helpers/raw-amqp.ts';
import { openStores } from '../helpers/stores.ts';

/** A consumer that does this with each delivery. */
const consume = async (
  t: Test,
  env: NodeJS.ProcessEnv,
  handle: (delivery: Delivery) => Promise<unknown>,
  { prefetch = 10, priority = 0 } = {},
) => {
  const { rabbitmq } = loadConfig(env);
  const lines: string[] = [];
  const say = (_: object, text?: string) => void lines.push(text ?? '');
  const log = { ...createLog('test', { level: 'silent' }), debug: say, info: say, warn: say, error: say };
  const jobs = await takeJobs(rabbitmq, logEvents(log), prefetch, (delivery) => void handle(delivery), {
    priority,
  });
  t.teardown(async () => {
    await jobs.stop();
    await jobs.close();
  });
  await untilDeclared(env);
  return { lines };
};
const bury = (delivery: Delivery) => delivery.deadLetter('invalid_message', 'It is no job.');

const typed = (type: string, value: unknown) => ({ '!': type, value });
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

/** Headers before and after a move; undefined for one that is left behind. (RabbitMQ takes no NaN and no Infinity.) */
const cases: [name: string, value: unknown, moved?: unknown][] = [
  ['double -1e300', typed('double', -1e300), -1e300],
  ['-2^63', typed('long', -(2n ** 63n)), -(2 ** 63)],
  ['2^63-1', typed('long', 2n ** 63n - 1n), 2 ** 63],
  ['2^53+2', typed('long', 2n ** 53n + 2n), 2 ** 53 + 2],
  ['-0.5', -0.5, -0.5],
  ['float', typed('float', 1.5), 1.5],
  ['last timestamp', typed('timestamp', 2n ** 64n - 1n), typed('timestamp', 2 ** 64 - 2 ** 11)],
  ['timestamp', typed('timestamp', 1_700_000_000), typed('timestamp', 1_700_000_000)],
  [
    'decimal',
    typed('decimal', { places: 255, digits: 4_294_967_295 }),
    typed('decimal', { places: 255, digits: 4_294_967_295 }),
  ],
  ['void', null, null],
  ['bytes', Buffer.from([0, 255]), Buffer.from([0, 255])],
  [
    'list',
    [1, 'two', null, [true, { deep: typed('double', -1e300) }]],
    [1, 'two', null, [true, { deep: -1e300 }]],
  ],
  ['table with !', typed('object', { '!': 'foo' }), { '!': 'foo' }],
  ['forged timestamp', typed('object', { '!': 'timestamp', value: 'x' }), { '!': 'timestamp', value: 'x' }],
  [
    'forged decimal',
    typed('object', { '!': 'decimal', value: { digits: 'x' } }),
    { '!': 'decimal', value: { digits: 'x' } },
  ],
  ['empty name', typed('object', { '': '' }), { '': '' }],
  ['deep', nested(500), undefined],
  ['control characters', '\u0000\n\u001b[31m', '\u0000\n\u001b[31m'],
];

t.test('headers: each goes with its message, or is named in x-dropped-headers', async (t) => {
  const env = await isolatedEnvironment();
  await consume(t, env, bury);
  const stores = await openStores(t, env);
  const body = Buffer.from([0, 255, 254, 10]);
  for (const [name, value, moved] of cases) {
    await stores.publish(body, { headers: { [name]: value, kept: 'yes' } });
    const letter = await until(`${name} is a dead letter`, () => stores.take(deadQueue(stores.queue)));
    const headers = letter.properties.headers ?? {};
    t.ok(letter.content.equals(body), `${name}: the body is as it came`);
    t.equal(headers.kept, 'yes', name);
    t.strictSame(headers[name], moved, name);
    t.equal(headers['x-dropped-headers'], moved === undefined ? name : undefined, name);
    t.match(headers, { 'x-reason': 'invalid_message', 'x-attempts': 1, 'x-queue': stores.queue });
  }
});

t.test(
  'properties: none that would change where it goes, how long it stays, or keep it from going',
  async (t) => {
    const env = await isolatedEnvironment();
    await consume(t, env, bury);
    const stores = await openStores(t, env);
    const elsewhere = `${stores.queue}.elsewhere`;
    await stores.channel.assertQueue(elsewhere, { autoDelete: true });
    const long = 'x'.repeat(255);
    const properties = {
      CC: [elsewhere],
      BCC: [elsewhere],
      expiration: '60000',
      priority: 9,
      userId: 'orders',
      replyTo: 'amq.rabbitmq.reply-to',
      appId: long,
      messageId: long,
      correlationId: long,
      type: long,
      contentType: long,
      contentEncoding: long,
      timestamp: 1_700_000_000,
      headers: {
        'x-attempts': typed('double', -1e300),
        'x-first-failed-at': 7,
        'x-reason': ['mine'],
        'x-error': { is: 'mine' },
        'x-death': [{ queue: stores.queue, reason: 'expired' }, 'x'],
        'x-delivery-count': 'many',
      },
    };
    const { userId: _, replyTo: __, ...ordinary } = properties;
    for (const own of [ordinary, { messageId: '' }, { deliveryMode: 1, timestamp: 2 ** 53 + 2 }]) {
      await stores.publish('', own);
      const letter = await until('it is a dead letter', () => stores.take(deadQueue(stores.queue)));
      t.equal(letter.content.length, 0);
      t.equal(letter.properties.deliveryMode, 2, 'persistent');
      t.equal(letter.properties.expiration, undefined);
      t.match(letter.properties.headers, { 'x-attempts': 1, 'x-reason': 'invalid_message' });
      t.ok(letter.properties.messageId, 'it has an id in any case');
      if (own !== ordinary) continue;
      const { messageId, correlationId, type, contentType, contentEncoding, timestamp } = letter.properties;
      t.strictSame(
        { messageId, correlationId, type, contentType, contentEncoding, timestamp },
        {
          messageId: long,
          correlationId: long,
          type: long,
          contentType: long,
          contentEncoding: long,
          timestamp: 1_700_000_000,
        },
      );
      t.notOk(Number.isNaN(Date.parse(letter.properties.headers?.['x-first-failed-at'])));
      t.notOk('x-death' in (letter.properties.headers ?? {}));
      t.equal(letter.properties.headers?.['x-dropped-headers'], 'CC');
    }
    // Once as it was published, and no copy with each move.
    t.equal(await stores.waiting(elsewhere), 1);
  },
);

t.test(
  'what no client library writes: names and ids that are no UTF-8, headers of a whole frame',
  async (t) => {
    const env = await isolatedEnvironment();
    await consume(t, env, bury);
    const { rabbitmq } = loadConfig(env);
    const stores = await openStores(t, env);
    const notUtf8 = Buffer.alloc(255, 0xff);
    const entry = (name: string | Buffer, bytes: number) =>
      Buffer.concat([shortString(name), Buffer.from('S'), longString(Buffer.alloc(bytes, 'a'))]);
    const messages: [what: string, properties: Buffer, dropped: RegExp | undefined][] = [
      ['no properties at all', uint(0, 2), undefined],
      ['a name', headersOnly(Buffer.concat([entry(notUtf8, 1), entry('kept', 1)])), /^\ufffd+$/],
      [
        'messageId, correlationId, type',
        Buffer.concat([uint(0x04a0, 2), ...[1, 2, 3].map(() => shortString(notUtf8))]),
        undefined,
      ],
      [
        'a table that looks like bytes',
        headersOnly(
          Buffer.concat([
            ...[shortString('table'), Buffer.from('F')],
            longString(Buffer.concat([shortString('__proto__'), Buffer.from('x'), longString('a')])),
            entry('kept', 1),
          ]),
        ),
        undefined,
      ],
      [
        'one header of 127 kB',
        headersOnly(Buffer.concat([entry('big', 130_000), entry('kept', 1)])),
        /^big$/,
      ],
      [
        'two of 40 kB',
        headersOnly(Buffer.concat([entry('kept', 40_000), entry('second', 40_000)])),
        /^second$/,
      ],
      [
        '20,000 small ones',
        headersOnly(Buffer.concat(Array.from({ length: 9_000 }, (_, i) => entry(`k${i}`, 0)))),
        /^k\d+, k/,
      ],
    ];
    for (const [what, properties, dropped] of messages) {
      const body = Buffer.from(what);
      await publishRaw(rabbitmq, stores.queue, properties, body);
      const letter = await until(`${what}: a dead letter`, () => stores.take(deadQueue(stores.queue)));
      t.equal(letter.content.toString(), what);
      const names = letter.properties.headers?.['x-dropped-headers'];
      if (dropped) t.match(names, dropped, what);
      else t.equal(names, undefined, what);
      if (properties.includes('kept')) t.ok(letter.properties.headers?.kept, what);
    }
  },
);

t.test(
  'headers as deep as a frame allows do not end the connection of a consumer under its supervisor',
  async (t) => {
    const env = await isolatedEnvironment();
    const stores = await openStores(t, env);
    const supervisor = startProcess(t, 'supervisor', env);
    await supervisor.says('"msg":"consuming"');
    /** Each level: a name of no characters, the type, the bytes of the rest. */
    const levels = 21_000;
    const tables = Buffer.concat(
      Array.from({ length: levels }, (_, i) => Buffer.from([0, 0x46, ...uint((levels - 1 - i) * 6, 4)])),
    );
    await publishRaw(loadConfig(env).rabbitmq, stores.queue, headersOnly(tables), Buffer.from('deep'));
    const letter = await until('it is a dead letter', () => stores.take(deadQueue(stores.queue)));
    t.equal(letter.content.toString(), 'deep');
    t.notMatch(supervisor.output(), 'is lost');
  },
);

t.test('a retry keeps what tells when a job was accepted and when it failed first', async (t) => {
  const env = await isolatedEnvironment({ MAX_ATTEMPTS: '2' });
  await consume(t, env, (delivery) => delivery.retry('failed', 'It did not work.'));
  const stores = await openStores(t, env);
  await stores.publish('{}', {
    timestamp: 1_700_000_000,
    headers: { 'x-first-failed-at': '2026-01-01T00:00:00.000Z' },
  });
  const letter = await until('it is a dead letter', () => stores.take(deadQueue(stores.queue)));
  t.equal(letter.properties.timestamp, 1_700_000_000);
  t.match(letter.properties.headers, { 'x-first-failed-at': '2026-01-01T00:00:00.000Z', 'x-attempts': 2 });
});

t.test(
  'two messages of one id to two places: the one that is returned is the one without a queue',
  async (t) => {
    const env = await isolatedEnvironment();
    const { lines } = await consume(t, env, (delivery) =>
      delivery.body.equals(Buffer.from('dead'))
        ? bury(delivery)
        : delivery.retry('failed', 'It did not work.'),
    );
    const stores = await openStores(t, env);
    const takeLetter = () => stores.take(deadQueue(stores.queue));
    // A quorum queue is to be seen before it is quite declared; if it is deleted then, it is declared again.
    await stores.publish('dead');
    await until('a letter is dead', takeLetter);
    await stores.channel.deleteQueue(deadQueue(stores.queue));
    const begun = lines.length;
    for (const body of ['dead', 'retried']) await stores.publish(body, { messageId: 'same' });
    await until(
      'the retried one waits',
      async () => (await stores.waiting(retryQueue(stores.queue, 1_000))) === 1,
    );
    const letter = await until('the other is dead', takeLetter);
    t.equal(letter.content.toString(), 'dead');
    const said = lines.slice(begun).filter((line) => line === 'a message could not be moved yet').length;
    // The new queue of dead letters may refuse its first message, too.
    t.ok(said === 1 || said === 2, `said ${said} times`);
  },
);

t.test('dead letters that are refused hold up nobody', async (t) => {
  const env = await isolatedEnvironment();
  const stores = await openStores(t, env);
  const full = { 'x-max-length': 0, 'x-overflow': 'reject-publish' };
  await stores.channel.assertQueue(deadQueue(stores.queue), { durable: true, arguments: full });
  const seen: string[] = [];
  const { lines } = await consume(
    t,
    env,
    async (delivery) => {
      seen.push(delivery.body.toString());
      await bury(delivery);
    },
    { prefetch: 2 },
  );
  for (const body of ['first', 'second', 'third']) await stores.publish(body);
  const delayed = retryQueue(stores.queue, 60_000);
  await until(
    'the first two wait for their next turn',
    async () => (await stores.waiting(delayed)) >= 2,
    30_000,
  );
  await until('the third has its turn', () => seen.includes('third'));
  t.equal(
    lines.filter((line) => line === 'a message could not be moved yet').length < 4,
    true,
    'and is not said each time',
  );
});

t.test('jobs go to the consumer with the highest priority as long as it has room', async (t) => {
  const env = await isolatedEnvironment();
  const stores = await openStores(t, env);
  const seen: Record<string, string[]> = { first: [], second: [] };
  const take = (name: string) => async (delivery: Delivery) =>
    void seen[name]?.push(delivery.body.toString());
  await consume(t, env, take('second'), { priority: -1 });
  await consume(t, env, take('first'), { prefetch: 3 });
  for (const body of ['1', '2', '3', '4', '5']) await stores.publish(body);
  await until('all have come', () => Object.values(seen).flat().length === 5);
  t.strictSame(seen, { first: ['1', '2', '3'], second: ['4', '5'] });
});
