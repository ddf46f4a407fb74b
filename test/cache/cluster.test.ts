/** A Redis Cluster is used as one Redis: found out by itself, while slots move, and with masters that are replaced. */
import { randomUUID } from 'node:crypto';
import { Command } from 'ioredis';
import t, { type Test } from 'tap';
import { type Cache, openCache } from '../../cache/cache.ts';
import type { FeedReader } from '../../cache/feed.ts';
import { loadConfig } from '../../process/config.ts';
import { logEvents, unobserved } from '../../process/log-events.ts';
import { guardedFolder } from '../../testbed/guarded-folder.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { aclWords, clusterWords } from '../helpers/grants.ts';
import { anOrder, VERSION } from '../helpers/pending.ts';
import { type ClusterNode, startRedisCluster } from '../helpers/redis-cluster.ts';

const { folder, end } = guardedFolder('orders-cluster-');
t.teardown(end);
const cluster = await startRedisCluster(folder, { replicas: 1 });
t.teardown(cluster.end);
const [first, second, third, replica] = cluster.nodes as [ClusterNode, ClusterNode, ClusterNode, ClusterNode];
const env = await isolatedEnvironment({ REDIS_URL: `redis://127.0.0.1:${second.port}/0` });

const slotOf = (key: string): number => new Command('get', [key]).getSlot();
const WITHIN_MS = 30_000;

/** The cache as a process of its own has it, once it has reached Redis, and what that process logs. */
const open = async (t: { teardown: Test['teardown'] }, own: NodeJS.ProcessEnv = {}) => {
  const lines: string[] = [];
  const note = (fields: { reason?: unknown } | string, message?: string) => {
    if (typeof fields === 'string') lines.push(fields);
    else lines.push(fields.reason === undefined ? `${message}` : `${message}: ${fields.reason}`);
  };
  const observer = logEvents({ debug: () => {}, info: note, warn: note, error: note });
  const cache = openCache(loadConfig({ ...env, ...own }), observer, undefined, true);
  t.teardown(() => cache.close());
  await until('Redis is reached', async () => (await cache.time()) !== null, WITHIN_MS);
  return { cache, lines };
};
const serves = async (cache: Cache) => (await cache.time()) !== null;
const put = async ({ pending }: Cache, id = randomUUID()) => {
  const isPut = await pending.put(id, JSON.stringify(anOrder(id)), VERSION);
  return isPut ? id : undefined;
};
/** Puts orders until one is in a slot of a master's. */
const putAt = (cache: Cache, node: ClusterNode): Promise<string> =>
  until(
    'an order is on this node',
    async () => {
      const id = await put(cache);
      return id && (await node.admin.exists(`temp_order:${id}`).catch(() => 0)) === 1 && id;
    },
    WITHIN_MS,
  );

const { cache, lines } = await open(t);

t.test('it is found out, and said', async (t) => {
  t.strictSame(lines, ['Redis is a cluster', 'Redis is reached']);
  await t.resolves(cache.ping());
  t.equal(await cache.concern(), undefined);
  t.strictSame((await open(t, { REDIS_CLUSTER: 'true' })).lines, ['Redis is reached']);
});

t.test('orders of many slots are settled', async (t) => {
  const ids = await Promise.all(Array.from({ length: 120 }, () => put(cache)));
  const settled = ids.map((id) => ({ orderId: id ?? '', state: VERSION + 1, versioned: true }));
  await cache.pending.settle(settled);
  for (const { orderId } of settled) t.equal(await cache.pending.find(orderId), undefined, 'MySQL is newer');
});

t.test('every step of a write stays in its slot', async (t) => {
  for (let n = 0; n < 20; n++) {
    const id = randomUUID();
    await put(cache, id);
    const version = (await cache.pending.reserve(id)) ?? 0;
    await cache.pending.showStatus(id, version, 'packed');
    t.match(await cache.pending.find(id), { kind: 'order', version });
    await cache.pending.giveUp(id, version, false);
    await cache.pending.settle([{ orderId: id, state: 'deleted', versioned: true }]);
    t.strictSame(await cache.read(id), { copy: { kind: 'deleted' }, cached: null });
    t.strictSame(await cache.pending.find(id), { kind: 'deleted' });
    await cache.orders.putDetail(id, Buffer.from('first'));
    t.equal(String((await cache.read(id)).cached), 'first');
    await cache.orders.invalidateDetails([id]);
    await cache.orders.putDetail(id, Buffer.from('old'));
    t.equal((await cache.read(id)).cached, null);
    const version2 = (await cache.lists.version()) ?? '';
    await cache.lists.put(version2, `${n}`, Buffer.from('list'), 10_000);
    t.equal(String((await cache.lists.find(version2, `${n}`))?.bytes), 'list');
    const one = { record: id, fingerprint: 'same', token: id };
    t.match(await cache.idempotency.claim(one), { kind: 'new' });
    await cache.idempotency.answer(one, 'answer');
    t.match(await cache.idempotency.claim(one), { kind: 'answered', answer: 'answer' });
  }
  await cache.pending.removeUpTo(Number.MAX_SAFE_INTEGER);
  for (const { admin } of [first, second, third]) t.strictSame(await admin.keys('*temp_order:*'), []);
});

const eventOf = (id: string) => ({ job_id: id, state: 'queued' }) as const;

t.test('jobs of all masters are paged through', async (t) => {
  // So many that no master tells all of its own in one step.
  const ids = Array.from({ length: 600 }, () => randomUUID() as string);
  await cache.jobs.tell(ids.map((id) => ({ event: eventOf(id), text: JSON.stringify(eventOf(id)) })));
  const found = new Set<string>();
  let pages = 0;
  for (let cursor = '0'; pages === 0 || cursor !== '0'; pages++) {
    const page = await cache.jobs.page(cursor, 50, () => true);
    for (const text of page?.texts ?? []) found.add(JSON.parse(text).job_id);
    cursor = page?.cursor ?? '0';
    t.match(cursor, /^\d{1,20}(_.{1,64})?$/, 'as the link to the next page has it');
  }
  t.ok(pages > 3);
  t.strictSame([...found].sort(), ids.sort());
});

t.test('slots move, and nothing is missed', async (t) => {
  const begun = lines.length;
  const ids = await Promise.all(Array.from({ length: 20 }, () => put(cache)));
  const seen: string[] = [];
  const reader: FeedReader = {
    entry: ({ text }) => seen.push(text),
    gap: () => seen.push('gap'),
    live: () => {},
  };
  const reading = cache.feed.read(reader);
  t.teardown(reading.close);
  await reading.begun;
  let moving = true;
  let steps = 0;
  // On a busy machine a second may pass without an answer.
  const isSlow = () => lines.slice(begun).includes('Redis does not answer in time');
  const use = async (own: (string | undefined)[]) => {
    while (moving) {
      const id = own[steps++ % own.length] ?? '';
      const version = await cache.pending.reserve(id);
      await cache.pending.showStatus(id, version ?? 0, 'packed');
      const found = await cache.pending.find(id);
      const isMissed = found?.kind !== 'order' || found.version !== version;
      if (isMissed && !isSlow()) return t.fail(`${id} was missed`);
    }
  };
  const using = Promise.all([use(ids.slice(0, 10)), use(ids.slice(10))]);
  const moved = new Set([...ids.map((id) => `temp_order:${id}`), 'orders:feed', 'orders:since'].map(slotOf));
  for (const slot of moved) {
    const owner = (await cluster.ownerOf(slot)) ?? first;
    await cluster.moveSlot(slot, owner, owner === first ? second : first);
  }
  moving = false;
  await using;
  t.ok(steps > 20, `${steps} steps`);
  const told = { event: eventOf('last'), text: '"last"' };
  await cache.jobs.tell([told]);
  await until('the feed goes on', () => seen.includes('["last"]'), WITHIN_MS);
  t.notOk(seen.includes('gap'));
  if (!isSlow()) t.strictSame(lines.slice(begun), [], 'nobody noticed');
});

t.test('an account with nothing but the grants of the docs', async (t) => {
  const nodes = cluster.nodes.map(({ admin }) => admin);
  for (const admin of nodes) await admin.call('ACL', ...aclWords('pw'), ...clusterWords());
  const own = await open(t, { REDIS_USERNAME: 'orders', REDIS_PASSWORD: 'pw' });
  t.strictSame(own.lines, ['Redis is a cluster', 'Redis is reached']);
  const ids = await Promise.all(Array.from({ length: 10 }, () => put(own.cache)));
  const slot = slotOf(`temp_order:${ids[0]}`);
  const owner = (await cluster.ownerOf(slot)) ?? first;
  let moving = true;
  const using = (async () => {
    while (moving) for (const id of ids) await own.cache.pending.find(id ?? '');
  })();
  await cluster.moveSlot(slot, owner, owner === first ? second : first);
  moving = false;
  await using;
  for (const id of ids) t.match(await own.cache.pending.find(id ?? ''), { kind: 'order' });
  t.equal(await own.cache.concern(), undefined);
  for (const admin of nodes) t.strictSame(await admin.call('ACL', 'LOG'), [], 'nothing was refused');
});

t.test('a slot that stays between two masters', async (t) => {
  const begun = lines.length;
  const id = await until('an order has a slot to itself', async () => {
    const id = await putAt(cache, first);
    await cache.pending.showStatus(id, VERSION + 1, 'packed');
    const keys = await first.admin.cluster('COUNTKEYSINSLOT', slotOf(`temp_order:${id}`));
    return Number(keys) === 2 && id;
  });
  const seen: unknown[] = [];
  await cluster.moveSlot(slotOf(`temp_order:${id}`), first, second, async (left) => {
    seen.push(left, (await cache.pending.find(id))?.kind, await cache.pending.reserve(id, VERSION + 2));
  });
  // Half of an order is on each: nobody can read it, and everybody else goes on. Then all of it is on the new master.
  t.match(seen, [1, undefined, null, 0, 'order', Number]);
  t.ok(await serves(cache));
  t.match(await cache.pending.find(id), { kind: 'order' });
  t.strictSame(lines.slice(begun), []);
});

t.test('a replica that takes over counts as an outage, though nothing was lost', async (t) => {
  const since = cache.since();
  const begun = lines.length;
  const id = await putAt(cache, first);
  const [, , range] = (await first.admin.call('ROLE')) as [string, number, unknown[]];
  t.equal(range.length, 1, 'the first master has the replica');
  await cluster.handOver(replica);
  await until('the cache has noticed', () => lines.length >= begun + 2, WITHIN_MS);
  t.equal(lines[begun], 'Redis is lost: a replica has become a master');
  t.equal(lines[begun + 1], 'Redis is back');
  t.ok(cache.since() > since, 'older copies are compared with MySQL');
  t.match(await cache.pending.find(id), { kind: 'order' });
  await cluster.whole();
});

t.test(
  'a frozen and a killed master: misses at once, then back, with what was not told meanwhile',
  async (t) => {
    for (const fail of ['freeze', 'kill'] as const) {
      // By now the replica is the master that has one.
      const [master, heir] = fail === 'freeze' ? [replica, first] : [first, replica];
      const id = await putAt(cache, master);
      const begun = lines.length;
      await master[fail]();
      await until('it is out', async () => !(await serves(cache)), WITHIN_MS);
      const started = performance.now();
      for (let n = 0; n < 100; n++) t.equal(await cache.pending.find(id), undefined);
      t.ok(performance.now() - started < 500, 'misses at once');
      await cache.pending.settle([{ orderId: id, state: 'deleted', versioned: true }]);
      await until('it serves again', () => serves(cache), WITHIN_MS);
      t.strictSame(await cache.pending.find(id), { kind: 'deleted' });
      t.ok((await heir.admin.exists(`order_writes:{temp_order:${id}}`)) === 1);
      // The other masters may say that the cluster is down before the replica has taken over.
      for (const line of lines.slice(begun, -1))
        t.match(line, /^Redis (is lost|does not answer|answers and refuses)/);
      t.ok(lines.length - begun <= 3, 'each change is told once');
      t.equal(lines.at(-1), 'Redis is back');
      if (fail === 'freeze') master.thaw();
      else await master.start();
      await cluster.whole();
    }
  },
);

t.test('a master without a replica is lost until it is there again', async (t) => {
  await third.kill();
  await until('it is out', async () => !(await serves(cache)), WITHIN_MS);
  await t.rejects(cache.ping(), { message: /^CLUSTERDOWN|^Redis is not connected|did not answer/ });
  await third.start();
  await until('it serves again', () => serves(cache), WITHIN_MS);
});

t.test('settings that contradict what is there are said in a sentence', async (t) => {
  const sentenceOf = async (settings: NodeJS.ProcessEnv): Promise<string> => {
    const wrong = openCache(loadConfig({ ...env, ...settings }), unobserved);
    let said = '';
    const ask = async () => {
      said = await wrong.ping().then(
        () => '',
        (error) => error.message,
      );
      return said.includes('cluster');
    };
    await until('it says what is wrong', ask, WITHIN_MS);
    await wrong.close();
    return said;
  };
  const url = (path: string) => ({ REDIS_URL: `redis://127.0.0.1:${second.port}/${path}` });
  t.equal(await sentenceOf(url('1')), 'REDIS_URL names a database, but a cluster has database 0 only.');
  t.throws(() => loadConfig({ ...env, ...url('1'), REDIS_CLUSTER: 'true' }), {
    message: 'REDIS_URL names database 1, but a cluster (REDIS_CLUSTER=true) has database 0 only.',
  });
  const single = { REDIS_CLUSTER: 'true', REDIS_URL: `redis://127.0.0.1:${process.env.TEST_REDIS_PORT}/0` };
  t.equal(await sentenceOf(single), 'REDIS_CLUSTER is true, but this Redis is not in a cluster.');
});
