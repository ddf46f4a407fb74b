/**
 * A Redis that answers and refuses is as good as away: misses at once, one warning, and back by itself, with nothing
 * stale.
 */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import t from 'tap';
import { openCache } from '../../cache/cache.ts';
import { freePort } from '../../ops/ports.ts';
import { startRedis, stopServer } from '../../ops/private-servers.ts';
import { loadConfig } from '../../process/config.ts';
import { logEvents } from '../../process/log-events.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

const folder = scratchFolder(t, stopServer);
const port = await freePort();
await startRedis({ folder, port });
const admin = new Redis({ port });
t.teardown(() => admin.disconnect());
await admin.call('ACL', 'SETUSER', 'orders', 'on', '>secret', '~*', '+@all');
const env = await isolatedEnvironment({ REDIS_URL: `redis://orders:secret@127.0.0.1:${port}/0` });

const lines: { level: string; message: string; reason?: string }[] = [];
const note = (level: string) => (fields: object | string, message?: string) => {
  const said = typeof fields === 'string' ? { message: fields } : { ...fields, message: String(message) };
  lines.push({ level, ...said });
};
const observer = logEvents({ debug: () => {}, info: note('info'), warn: note('warn'), error: note('error') });
const cache = openCache(loadConfig(env), observer);
t.teardown(() => cache.close());
const serves = async () => (await cache.time()) !== null;
await until('Redis is reached', serves);
const whyNot = () =>
  cache.ping().then(
    () => '',
    (error) => error.message,
  );

const pause = (ms: number) => admin.call('CLIENT', 'PAUSE', ms, 'WRITE');
const acl = (...rules: string[]) => admin.call('ACL', 'SETUSER', 'orders', ...rules);
/** How Redis refuses, and the words with which its error then begins. */
const refusals: [what: string, begin: () => Promise<unknown>, end: () => Promise<unknown>, reason: RegExp][] =
  [
    [
      'a replica after a failover that cuts nothing',
      () => admin.replicaof('127.0.0.1', 1),
      () => admin.replicaof('NO', 'ONE'),
      /^READONLY You can't write against a read only replica\.$/,
    ],
    [
      'a replica that has lost its primary',
      async () => {
        await admin.config('SET', 'replica-serve-stale-data', 'no');
        await admin.replicaof('127.0.0.1', 1);
      },
      async () => {
        await admin.replicaof('NO', 'ONE');
        await admin.config('SET', 'replica-serve-stale-data', 'yes');
      },
      /^MASTERDOWN /,
    ],
    [
      'out of memory',
      () => admin.config('SET', 'maxmemory', '1'),
      () => admin.config('SET', 'maxmemory', '0'),
      /^OOM command not allowed when used memory > 'maxmemory'\.$/,
    ],
    [
      'too few replicas',
      () => admin.config('SET', 'min-replicas-to-write', '1'),
      () => admin.config('SET', 'min-replicas-to-write', '0'),
      /^NOREPLICAS /,
    ],
    ['no scripts', () => acl('-@scripting'), () => acl('+@all'), /^NOPERM /],
    ['no writes', () => acl('-@write'), () => acl('+@all'), /can't run this command/],
    ['no keys of ours', () => acl('resetkeys', '~orders:*'), () => acl('~*'), /^NOPERM /],
    [
      'another password',
      async () => {
        await acl('resetpass', '>other');
        await admin.client('KILL', 'USER', 'orders');
      },
      () => acl('resetpass', '>secret'),
      /^WRONGPASS /,
    ],
  ];
for (const [what, begin, end, reason] of refusals)
  t.test(what, async (t) => {
    const [kept, unseen] = [randomUUID(), randomUUID()];
    await cache.orders.putDetail(kept, Buffer.from('old'));
    await cache.pending.put(unseen, JSON.stringify({ order_id: unseen, items: [], status: 'old' }), 1_000);
    const version = await cache.lists.version();
    const before = lines.length;
    await begin();
    await until(
      'it is out',
      async () => {
        // Of a replica nobody asks for a write: the probe alone finds out.
        if (!what.startsWith('a replica')) await cache.pending.reserve(randomUUID());
        return !(await serves());
      },
      5_000,
    );
    await until('it says why', async () => reason.test(await whyNot()), 5_000);
    await cache.orders.invalidateDetails([kept]);
    await cache.pending.settle([{ orderId: unseen, state: 'deleted', versioned: true }]);
    await cache.lists.invalidate();
    const started = performance.now();
    for (let i = 0; i < 100; i++) {
      t.equal(await cache.pending.find(unseen), undefined);
      t.equal(await cache.pending.reserve(unseen), null);
    }
    t.ok(performance.now() - started < 500, 'misses at once');
    t.equal(await cache.lists.version(), null);
    await end();
    await until('it serves again', serves, 10_000);
    t.strictSame(await cache.pending.find(unseen), { kind: 'deleted' }, 'what was not told is told first');
    t.equal(await admin.exists(`orders:detail:${kept}`), 0);
    t.ok(Number(await cache.lists.version()) > Number(version));
    const said = lines.slice(before);
    t.equal(said.filter(({ message }) => message === 'Redis answers and refuses').length, 1);
    t.ok(
      said.some((line) => reason.test(line.reason ?? '')),
      'one line says why',
    );
    t.match(said.at(-1), { level: 'info', message: 'Redis is back' });
    t.equal(said.filter(({ level }) => level === 'info').length, 1);
  });

t.test('a Redis that lets writes wait', async (t) => {
  await pause(3_000);
  await until('it is out', async () => !(await serves()), 5_000);
  await t.rejects(cache.ping(), { message: 'Redis did not answer in time.' });
  await until('it serves again', serves, 10_000);
});

t.test('what only a key of another type brings about stops nothing else', async (t) => {
  const id = randomUUID();
  const before = lines.length;
  for (const key of [`temp_order:${id}`, `orders:detail:${id}`, 'temp_order:probe', 'orders:list:version'])
    await admin.multi().del(key).lpush(key, 'a list').exec();
  for (let i = 0; i < 20; i++) {
    await cache.pending.reserve(id);
    await cache.pending.showStatus(id, 1_000, 'x');
    t.match(await cache.pending.find(id), { kind: 'status', status: 'x' }, 'the order has another key');
    t.equal(await cache.orders.findDetail(id), null);
    t.ok(await serves());
  }
  await cache.lists.invalidate();
  t.ok(Number(await cache.lists.version()) > 0, 'a version is in its place again');
  await t.resolves(cache.ping());
  t.equal(lines.length, before);
});

t.test('too many clients', async () => {
  await admin.config('SET', 'maxclients', '1');
  await admin.client('KILL', 'USER', 'orders');
  await until('it is out', async () => !(await serves()), 5_000);
  await until('it says why', async () => /max number of clients/.test(await whyNot()), 10_000);
  await admin.config('SET', 'maxclients', '10000');
  await until('it serves again', serves, 10_000);
});
