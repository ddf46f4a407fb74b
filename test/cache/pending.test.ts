/** The pending copy of an order: what it is, what settles it, what ends it. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import type { Pending } from '../../cache/pending.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import {
  APPLIED_TTL,
  anOrder,
  notesKey,
  openPending,
  openReadyCache,
  seenOf,
  VERSION,
} from '../helpers/pending.ts';
import { openStores } from '../helpers/stores.ts';

const { stores, pending, put, settle, ttl } = await openPending(t);
const orderIn = (found: Pending | undefined) => {
  if (found?.kind !== 'order') throw new Error('there is no order');
  return found;
};
const statusOf = (n: number) => `status ${n}`;

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
      if (way === 'remove') await pending.remove(id, VERSION);
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
  t.strictSame(await pending.find(id), { kind: 'order', json, version: 0, deleting: false, foreign: true });
  await pending.showStatus(id, VERSION, 'packed');
  const { json: packed, ...found } = orderIn(await pending.find(id));
  t.strictSame(found, { kind: 'order', version: VERSION, deleting: false, foreign: false });
  t.strictSame(JSON.parse(String(packed)), { ...order, status: 'packed' });
  await settle(id, VERSION, true);
  t.equal(seenOf(await pending.find(id)), 'packed');
});

t.test('the status is found, whatever the others say', async (t) => {
  const texts = [
    '',
    ',',
    '\\',
    '"',
    ',"status":"x',
    '\\",\\"status\\":\\"',
    '"status":"',
    'é🦀\u2028\ud800',
    '}',
  ];
  for (const customer_name of texts)
    for (const status of texts) {
      const order = { ...anOrder(), customer_name, status: `${status} first` };
      const id = order.order_id;
      const read = async () => JSON.parse(String(orderIn(await pending.find(id)).json));
      await put(order, VERSION);
      t.strictSame(await read(), order);
      for (const n of [1, 2]) {
        await pending.showStatus(id, VERSION + n, `${status}${n}`);
        t.strictSame(await read(), { ...order, status: `${status}${n}` });
      }
      await pending.giveUp(id, VERSION + 2, false);
      await pending.giveUp(id, VERSION + 1, false);
      t.strictSame(await read(), order);
      await pending.giveUp(id, VERSION, true);
      await pending.showStatus(id, VERSION + 3, status || ' ');
      t.match(await pending.find(id), { kind: 'status', status: status || ' ' });
    }
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
  for (const garbage of ['', 'x', '||||', '1|2|x', '|||||7:', '|||||7:3:x']) {
    const order = anOrder();
    const { order_id: id } = order;
    await put(order, VERSION);
    await stores.redis.set(notesKey(id), garbage);
    await pending.showStatus(id, VERSION + 1, 'packed');
    t.equal(seenOf(await pending.find(id)), 'packed', `noted: ${garbage}`);
    await settle(id, VERSION + 1, true);
    t.equal(seenOf(await pending.find(id)), 'packed');
    await settle(id, 'deleted', true);
    t.strictSame(await pending.find(id), { kind: 'deleted' });
  }
  const id = randomUUID();
  await stores.redis.lpush(`temp_order:${id}`, 'a list');
  t.equal(await pending.find(id), undefined);
  t.equal(await pending.reserve(id), null);
  await pending.showDeleting(id, VERSION);
  await stores.redis.del(`temp_order:${id}`);
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

t.test('what was written up to a version is removed, what is newer stays', async (t) => {
  const own = await isolatedEnvironment();
  const redis = (await openStores(t, own)).redis;
  const cache = await openReadyCache(t, own);
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
  t.ok(await cache.removeUpTo(VERSION));
  t.strictSame((await redis.keys('*')).sort(), [
    'orders:guarded-since',
    'orders:list:version',
    'orders:reset',
    `temp_order:${after}`,
  ]);
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
  await pending.giveUp(id, VERSION, true);
  t.equal(await pending.find(id), undefined);

  const other = randomUUID();
  await pending.showDeleting(other, VERSION);
  await pending.giveUp(other, VERSION, false);
  t.equal(await pending.find(other), undefined);
});
