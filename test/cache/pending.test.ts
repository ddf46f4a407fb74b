/** The pending copy of an order: what readers see of it after each step of its writes, in every order of the steps. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createClock } from '../../api/clock.ts';
import { openCache } from '../../cache/cache.ts';
import type { Pending } from '../../cache/pending.ts';
import { loadConfig } from '../../config.ts';
import { createLog } from '../../log.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { permutations } from '../helpers/permutations.ts';
import { openStores } from '../helpers/stores.ts';
import { until } from '../helpers/until.ts';

const WAITING_TTL = 1_000;
const APPLIED_TTL = 60;
const RESERVED_TTL = 120;
const env = await isolatedEnvironment({
  TEMP_ORDER_PENDING_TTL: String(WAITING_TTL),
  TEMP_ORDER_CACHE_TTL: String(APPLIED_TTL),
});
const stores = await openStores(t, env);
/** The cache as a process of its own has it. */
const open = async () => {
  const cache = openCache(loadConfig(env), createLog('silent', 'test'));
  t.teardown(() => cache.close());
  await until('Redis is reached', async () => (await cache.time()) !== null);
  return cache;
};
const { pending } = await open();
type Order = ReturnType<typeof anOrder>;
const put = (order: Order, version: number, to = pending) =>
  to.put(order.order_id, JSON.stringify(order), version);
const settle = (orderId: string, state: number | 'deleted', versioned: boolean) =>
  pending.settle([{ orderId, state, versioned }]);
const orderIn = ({ json }: { json: Buffer }) => JSON.parse(json.toString());

// 16 digits, of which a number that Lua prints by itself keeps 14.
const VERSION = 1_799_999_999_999_990;
const anOrder = (order_id: string = randomUUID()) => ({
  order_id,
  customer_name: 'Ada "🦀" \\ /\u0000',
  status: 'received',
  items: [{ name: 'Tea', quantity: 2_147_483_647 }],
});
const stored = async (id: string) => JSON.parse((await stores.redis.get(`temp_order:${id}`)) ?? 'null');
const ttl = async (id: string) => stores.redis.ttl(`temp_order:${id}`);

/** A write's steps. `n` is its place among the writes to the order; the order itself, where there is one, is 0. */
type Step = { n: number; step: 'show' | 'settle'; deletes: boolean };
const steps = (n: number, deletes = false): Step[] => [
  { n, step: 'show', deletes },
  { n, step: 'settle', deletes },
];
const nameOf = ({ n, step, deletes }: Step) => `${step} ${deletes ? 'delete' : 'patch'} ${n}`;
const statusOf = (n: number) => (n === 0 ? 'received' : `status ${n}`);

/** What MySQL holds once these are applied, as consumers apply them: never going back. */
const inMysql = (settled: Step[]): number | 'deleted' =>
  settled.some(({ deletes }) => deletes) ? 'deleted' : VERSION + Math.max(...settled.map(({ n }) => n));

/** What readers are to see after these steps, and for how long. */
const expected = (done: Step[], withOrder: boolean) => {
  const settled = done.filter(({ step }) => step === 'settle');
  const shown = done.filter(({ step }) => step === 'show');
  if (settled.some(({ deletes }) => deletes)) return { seen: 'deleted', ttl: APPLIED_TTL };
  if (shown.some(({ deletes }) => deletes)) return { seen: 'deleting', ttl: WAITING_TTL };
  const newest = Math.max(withOrder ? 0 : -1, ...shown.map(({ n }) => n));
  const applied = Math.max(-1, ...settled.map(({ n }) => n));
  if (newest < applied || newest < 0) return { seen: undefined, ttl: APPLIED_TTL };
  return { seen: statusOf(newest), ttl: newest > applied ? WAITING_TTL : APPLIED_TTL };
};

const seenOf = (found: Pending | undefined) => {
  if (found === undefined || found.kind === 'deleted') return found?.kind;
  const status = found.kind === 'order' ? orderIn(found).status : found.status;
  return found.deleting === (status === 'deleting') ? status : `${status}, deleting: ${found.deleting}`;
};

const carryOut = async (id: string, { n, step, deletes }: Step, done: Step[]) => {
  if (step === 'settle') await settle(id, inMysql(done.filter(({ step }) => step === 'settle')), true);
  else if (deletes) await pending.showDeleting(id, VERSION + n);
  else await pending.showStatus(id, VERSION + n, statusOf(n));
};

const writes: [what: string, steps: Step[]][] = [
  ['one patch', steps(1)],
  ['one delete', steps(1, true)],
  ['two patches', [...steps(1), ...steps(2)]],
  ['a patch, then a delete', [...steps(1), ...steps(2, true)]],
  ['a delete, then a patch', [...steps(1, true), ...steps(2)]],
  ['two deletes', [...steps(1, true), ...steps(2, true)]],
];
for (const withOrder of [true, false])
  for (const [what, all] of writes)
    t.test(
      `${what} of ${withOrder ? 'a pending order' : 'an order in MySQL'}, each order of steps`,
      async (t) => {
        for (const sequence of permutations(all)) {
          const order = anOrder();
          const id = order.order_id;
          if (withOrder) t.ok(await put(order, VERSION));
          for (const [i, step] of sequence.entries()) {
            const done = sequence.slice(0, i + 1);
            await carryOut(id, step, done);
            const { seen, ttl: longest } = expected(done, withOrder);
            const name = done.map(nameOf).join(', ');
            const found = await pending.find(id);
            t.equal(seenOf(found), seen, name);
            if (found?.kind === 'order')
              t.equal(String(found.json), JSON.stringify({ ...order, status: seen }), 'ready to send');
            const lasts = await ttl(id);
            t.ok(lasts > longest - 5 && lasts <= longest, `${name}: for ${lasts} s`);
            for (const [field, value] of Object.entries(await stored(id)))
              if (['version', 'reserved', 'applied'].includes(field)) t.match(value, /^\d{16}$/);
          }
        }
      },
    );

t.test('put, settle and remove in each order', async (t) => {
  type Way = 'put' | 'settle' | 'settle deleted' | 'remove';
  const table: [ways: Way[], seen: string | undefined][] = [
    [['put'], 'received'],
    [['put', 'remove'], undefined],
    [['remove', 'put'], 'received'],
    [['put', 'settle'], 'received'],
    [['settle', 'put'], undefined],
    [['put', 'settle deleted'], 'deleted'],
    [['settle deleted', 'put'], 'deleted'],
    [['settle deleted', 'settle'], 'deleted'],
    [['settle', 'settle deleted'], 'deleted'],
  ];
  for (const [ways, seen] of table) {
    const order = anOrder();
    const id = order.order_id;
    let there = false;
    for (const way of ways) {
      if (way === 'put') t.equal(await put(order, VERSION), !there, 'only where there is nothing');
      if (way === 'settle') await settle(id, VERSION, true);
      if (way === 'settle deleted') await settle(id, 'deleted', true);
      if (way === 'remove') await pending.remove(id);
      there = way !== 'remove';
    }
    t.equal(seenOf(await pending.find(id)), seen, ways.join(', '));
  }
});

t.test(
  'an order that nothing else was written to stays as it is once applied, for the shorter time',
  async (t) => {
    const raw = (id: string) => stores.redis.get(`temp_order:${id}`);
    const order = anOrder();
    const id = order.order_id;
    await put(order, VERSION);
    const before = await raw(id);
    await settle(id, VERSION, true);
    t.equal(await raw(id), before);
    const lasts = await ttl(id);
    t.ok(lasts > APPLIED_TTL - 5 && lasts <= APPLIED_TTL, `for ${lasts} s`);
    await pending.showStatus(id, VERSION + 1, 'later');
    t.equal(seenOf(await pending.find(id)), 'later');
    t.ok((await ttl(id)) > APPLIED_TTL, 'and longer again while something waits');

    const overtaken = anOrder();
    await put(overtaken, VERSION);
    await settle(overtaken.order_id, VERSION + 1, true);
    t.equal(seenOf(await pending.find(overtaken.order_id)), undefined, 'MySQL has something newer');
  },
);

t.test('a write without a version, once applied, ends what is not newer than the row', async (t) => {
  const table: [shown: number, applied: number, seen: string | undefined][] = [
    [3, 2, 'status 3'],
    [3, 3, undefined],
    [3, 4, undefined],
  ];
  for (const [shown, applied, seen] of table) {
    const order = anOrder();
    await put(order, VERSION);
    await pending.showStatus(order.order_id, VERSION + shown, statusOf(shown));
    await settle(order.order_id, VERSION + applied, false);
    t.equal(seenOf(await pending.find(order.order_id)), seen, `shown ${shown}, applied ${applied}`);
  }
  const id = randomUUID();
  await settle(id, 0, false);
  t.equal(await pending.find(id), undefined);
});

t.test('a pending copy of another service, without versions', async (t) => {
  const order = anOrder();
  const id = order.order_id;
  await stores.redis.set(`temp_order:${id}`, JSON.stringify(order), 'EX', 60);
  const json = Buffer.from(JSON.stringify(order));
  t.strictSame(await pending.find(id), { kind: 'order', json, version: 0, deleting: false });
  await pending.showStatus(id, VERSION, 'packed');
  const packed = Buffer.from(JSON.stringify({ ...order, status: 'packed' }));
  t.strictSame(await pending.find(id), { kind: 'order', json: packed, version: VERSION, deleting: false });
  await settle(id, VERSION, true);
  t.equal(seenOf(await pending.find(id)), 'packed');
});

t.test('reserve: Redis’s time, then always more, and nothing to see of it', async (t) => {
  const id = randomUUID();
  const before = Date.now();
  const first = (await pending.reserve(id)) ?? 0;
  t.ok(first >= (before - 1_000) * 1_000 && first <= (Date.now() + 1_000) * 1_000);
  t.equal(await pending.find(id), undefined);
  const lasts = await ttl(id);
  t.ok(lasts > RESERVED_TTL - 5 && lasts <= RESERVED_TTL);
  const more = await Promise.all(Array.from({ length: 200 }, () => pending.reserve(id)));
  t.equal(new Set([first, ...more]).size, 201);
  t.strictSame(
    [first, ...more],
    [first, ...more].sort((a, b) => Number(a) - Number(b)),
  );
});

t.test(
  'reserve: more than what is shown, reserved or applied, to the last digit; what is seen stays',
  async (t) => {
    const ahead = Date.now() * 1000 + 3_600_000_000;
    const histories: [what: string, history: (id: string) => Promise<unknown>, seen: string | undefined][] = [
      ['put', (id) => put(anOrder(id), ahead), 'received'],
      ['shown', (id) => pending.showStatus(id, ahead, 'packed'), 'packed'],
      ['deleting', (id) => pending.showDeleting(id, ahead), 'deleting'],
      ['applied', (id) => settle(id, ahead, true), undefined],
      [
        'put and applied',
        async (id) => {
          await put(anOrder(id), ahead - 1);
          await settle(id, ahead, true);
        },
        undefined,
      ],
    ];
    for (const [what, history, seen] of histories) {
      const id = randomUUID();
      await history(id);
      const lasted = await ttl(id);
      for (const n of [1, 2, 3]) t.equal(await pending.reserve(id), ahead + n, what);
      t.equal(seenOf(await pending.find(id)), seen);
      t.ok(Math.abs((await ttl(id)) - lasted) <= 1, 'as long as before');
      await settle(id, ahead, true);
      t.equal(await pending.reserve(id), ahead + 4, 'what was reserved outlives its write');
      t.equal(await pending.reserve(id, ahead + 50), ahead + 50, "never below the caller's own clock");
    }
  },
);

t.test('two processes whose clocks are 5 s apart', async (t) => {
  const processes = await Promise.all(
    [-2_500, 2_500].map(async (skew) => {
      const cache = await open();
      return { cache, clock: createClock(() => Date.now() + skew) };
    }),
  );
  const [slow, fast] = processes;
  if (!slow || !fast) return t.fail('there are two');
  for (const [first, second] of [
    [slow, fast],
    [fast, slow],
  ] as const) {
    const order = anOrder();
    let last = first.clock.next();
    await put(order, last, first.cache.pending);
    for (let i = 0; i < 20; i++)
      for (const { cache } of [second, first]) {
        const version = (await cache.pending.reserve(order.order_id)) ?? 0;
        t.ok(version > last, 'later is greater');
        last = version;
        await cache.pending.showStatus(order.order_id, version, `status ${i}`);
      }
  }
});

t.test('processes that keep to Redis’s clock agree, however wrong their own is', async (t) => {
  const cache = await open();
  const clocks = [-3_600_000, 0, 5_000].map((skew) => createClock(() => Date.now() + skew));
  for (const clock of clocks) clock.keepTo((await cache.time()) ?? 0);
  const versions = clocks.map((clock) => clock.next());
  const apart = Math.max(...versions) - Math.min(...versions);
  t.ok(apart < 1_000_000, `${apart} µs apart`);
});

t.test('garbage in the key is as good as nothing, and a delete ends it', async (t) => {
  for (const garbage of ['', 'x', '{"order_id": ', 'null', '7', '"x"', '[]', '{}', '{"version": "x"}']) {
    const id = randomUUID();
    await stores.redis.set(`temp_order:${id}`, garbage);
    t.equal(await pending.find(id), undefined, garbage);
    const version = await pending.reserve(id);
    t.ok(version === null || Number.isInteger(version), 'a version, or none');
    await pending.showStatus(id, VERSION, 'packed');
    await settle(id, VERSION, true);
    t.equal(await put(anOrder(id), VERSION), false);
    await settle(id, 'deleted', true);
    t.strictSame(await pending.find(id), { kind: 'deleted' });
  }
  const id = randomUUID();
  await stores.redis.lpush(`temp_order:${id}`, 'a list');
  t.equal(await pending.find(id), undefined);
  t.equal(await pending.reserve(id), null);
  await pending.showDeleting(id, VERSION);
  await pending.remove(id);
  t.ok(await put(anOrder(id), VERSION));
});

t.test('many orders are settled at once, each by itself, whatever the keys of others hold', async (t) => {
  const orders = Array.from({ length: 120 }, () => anOrder());
  const garbage = orders.filter((_, n) => n % 7 === 0).map(({ order_id }) => order_id);
  for (const order of orders) await put(order, VERSION);
  for (const id of garbage) await stores.redis.set(`temp_order:${id}`, '{"order_id": ');
  const states = [VERSION, VERSION + 1, 'deleted'] as const;
  const seen = ['received', undefined, 'deleted'];
  await pending.settle(
    orders.map(({ order_id: orderId }, n) => ({
      orderId,
      state: states[n % states.length] ?? 0,
      versioned: true,
    })),
  );
  for (const [n, { order_id: id }] of orders.entries()) {
    const unreadable = garbage.includes(id) && states[n % states.length] !== 'deleted';
    t.equal(seenOf(await pending.find(id)), unreadable ? undefined : seen[n % seen.length], `order ${n}`);
    if (!unreadable) t.ok((await ttl(id)) <= APPLIED_TTL, 'and not for long');
  }
});

t.test('what was written up to a version is dropped, what is newer stays', async (t) => {
  const own = await isolatedEnvironment();
  const redis = (await openStores(t, own)).redis;
  const cache = openCache(loadConfig(own), createLog('silent', 'test'));
  t.teardown(() => cache.close());
  await until('Redis is reached', async () => (await cache.time()) !== null);
  const [before, after, deleted, unreadable, list] = Array.from({ length: 5 }, () => randomUUID());
  for (const [order_id, version] of [
    [before, VERSION],
    [after, VERSION + 1],
  ] as const)
    await cache.pending.put(`${order_id}`, JSON.stringify(anOrder(order_id)), version);
  await cache.pending.settle([{ orderId: `${deleted}`, state: 'deleted', versioned: true }]);
  await redis.set(`temp_order:${unreadable}`, '{"order_id": ');
  await redis.lpush(`temp_order:${list}`, 'a list');
  await redis.set(`orders:detail:${before}`, 'cached');
  await cache.clear(VERSION);
  t.strictSame((await redis.keys('*')).sort(), ['orders:list:version', `temp_order:${after}`]);
  t.match(await cache.pending.find(`${after}`), { kind: 'order', version: VERSION + 1 });
});

t.test('a write that is given up is seen no more, unless there is more to be seen', async (t) => {
  const order = anOrder();
  const { order_id: id } = order;
  await put(order, VERSION);
  await pending.giveUp(id, VERSION - 1, true);
  t.match(await pending.find(id), { kind: 'order' }, 'another one was given up');
  await pending.showStatus(id, VERSION + 1, 'shipped');
  await pending.giveUp(id, VERSION + 1, false);
  t.match(await pending.find(id), { kind: 'order' }, 'its POST may wait still');
  await pending.giveUp(id, VERSION + 1, true);
  t.equal(await pending.find(id), undefined);

  const other = randomUUID();
  await pending.showDeleting(other, VERSION);
  await pending.giveUp(other, VERSION, false);
  t.equal(await pending.find(other), undefined);
});
