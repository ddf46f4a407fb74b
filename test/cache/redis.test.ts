/** The circuit breaker: a Redis that stops answering costs the first commands a moment and later ones nothing. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { openCache } from '../../cache/cache.ts';
import { freePort } from '../../ops/ports.ts';
import { startRedis, stopServer } from '../../ops/private-servers.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

/** The limit for a request, chosen to be far from both an answer in time and no answer at all. */
const LONGEST_MS = 1_000;

const folder = scratchFolder(t, stopServer);
const port = await freePort();
const { pid } = await startRedis({ folder, port });
const env = await isolatedEnvironment({ REDIS_URL: `redis://127.0.0.1:${port}/0` });
const cache = openCache(loadConfig(env), unobserved);
t.teardown(() => cache.close());
await until('Redis is reached', async () => (await cache.time()) !== null);

const id = randomUUID();
const order = { order_id: id, customer_name: 'Ada', status: 'x', items: [{ name: 'Tea', quantity: 1 }] };
await cache.pending.put(id, JSON.stringify(order), 1);
const finds = async () => (await cache.pending.find(id)) !== undefined;

/** How long it takes, in milliseconds, and what came of it. */
const timed = async <T>(work: () => Promise<T>) => {
  const started = performance.now();
  return { came: await work(), ms: performance.now() - started };
};
const many = (work: () => Promise<unknown>) => Promise.all(Array.from({ length: 100 }, work));

t.test('silent twice: a miss after a moment, then misses at once, then as before', async (t) => {
  t.teardown(() => process.kill(pid, 'SIGCONT'));
  for (const round of [1, 2]) {
    t.ok(await finds(), `round ${round}`);
    process.kill(pid, 'SIGSTOP');

    const first = await timed(() => many(finds));
    t.notOk(first.came.includes(true), 'a miss, and no error');
    t.ok(
      first.ms > LONGEST_MS / 2 && first.ms < LONGEST_MS * 3,
      `the first wait ${first.ms} ms, all at once`,
    );

    const later = await timed(async () => {
      for (let i = 0; i < 100; i++) t.notOk(await finds());
    });
    t.ok(later.ms < LONGEST_MS / 2, `100 later ones, one after the other, take ${later.ms} ms`);
    const writes = await timed(() =>
      many(async () => {
        await cache.pending.reserve(id);
        await cache.lists.invalidate();
        return cache.idempotency.claim({ record: 'key', fingerprint: 'fingerprint', token: 'try' });
      }),
    );
    t.ok(writes.ms < LONGEST_MS / 2, `so do writes: ${writes.ms} ms`);
    await t.rejects(cache.ping(), 'who asks for its health is told');

    process.kill(pid, 'SIGCONT');
    await until('it answers again', finds, 5_000);
    await many(async () => t.ok(await finds()));
  }
});

t.test('killed: misses at once, and it is there again by itself', async (t) => {
  process.kill(pid, 'SIGKILL');
  await until('it is gone', async () => !(await finds()));
  const gone = await timed(async () => {
    for (let i = 0; i < 100; i++) t.notOk(await finds());
  });
  t.ok(gone.ms < LONGEST_MS / 2, `100 misses take ${gone.ms} ms`);
  await startRedis({ folder, port });
  await until('it answers again', finds, 10_000);
});
