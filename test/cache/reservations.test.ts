/** The versions that writes to an order get. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createClock } from '../../domain/versions.ts';
import { anOrder, openPending, seenOf } from '../helpers/pending.ts';

const RESERVED_TTL = 120;
const { open, stores, pending, put, settle, ttl } = await openPending(t);

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
    const ahead = Date.now() * 1000 + 40_000_000;
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

t.test('processes that keep to Redis’s clock agree, a minute apart or less', async (t) => {
  const cache = await open();
  const clocks = [-50_000, 0, 5_000].map((skew) => createClock(() => Date.now() + skew));
  for (const clock of clocks) clock.keepTo((await cache.time()) ?? 0);
  const versions = clocks.map((clock) => clock.next());
  const apart = Math.max(...versions) - Math.min(...versions);
  t.ok(apart < 1_000_000, `${apart} µs apart`);
});

t.test('a number from far ahead, wherever it stands, is not counted on from', async (t) => {
  const far = 9_000_000_000_000_000;
  const histories: [what: string, history: (id: string) => Promise<unknown>][] = [
    ['put', (id) => put(anOrder(id), far)],
    ['shown', (id) => pending.showStatus(id, far, 'poisoned')],
    ['applied', (id) => settle(id, far, true)],
    [
      'reserved',
      (id) => stores.redis.set(`temp_order:${id}`, JSON.stringify({ order_id: id, reserved: `${far}` })),
    ],
  ];
  for (const [what, history] of histories) {
    const id = randomUUID();
    await history(id);
    const version = (await pending.reserve(id)) ?? 0;
    t.ok(Math.abs(version / 1000 - Date.now()) < 5_000, `${what}: ${version}`);
    await pending.showStatus(id, version, 'packed');
    t.equal(seenOf(await pending.find(id)), 'packed', `${what}: what comes after it is seen`);
    await settle(id, version, true);
    t.equal(seenOf(await pending.find(id)), 'packed', what);
    t.ok((await ttl(id)) <= 60, `${what}: and settled`);
    await pending.showStatus(id, version + 1, 'shipped');
    t.equal(seenOf(await pending.find(id)), 'shipped', what);
  }
  const [copy, reserved] = [randomUUID(), randomUUID()];
  await put(anOrder(copy), far);
  await stores.redis.set(
    `temp_order:${reserved}`,
    JSON.stringify({ order_id: reserved, reserved: `${far}` }),
  );
  await pending.removeUpTo(Date.now() * 1000);
  for (const id of [copy, reserved])
    t.equal(await stores.redis.exists(`temp_order:${id}`), 0, 'a reset removes it');
});
