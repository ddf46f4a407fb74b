/** The version of the list, and the answers that Redis keeps under it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { openCache } from '../../cache/cache.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment();
const stores = await openStores(t, env);
const cache = openCache(loadConfig(env), unobserved);
t.teardown(() => cache.close());
await until('Redis is reached', async () => (await cache.time()) !== null);
const { lists } = cache;

t.test('the version of the list never goes back, however many commits, and not by a flush', async (t) => {
  const version = async () => Number(await lists.version());
  let last = await version();
  for (const round of [1, 2]) {
    await Promise.all(Array.from({ length: 5_000 }, () => lists.invalidate()));
    const busy = await version();
    t.ok(busy >= last + 5_000, `round ${round}`);
    await stores.redis.flushdb();
    last = await version();
    t.ok(last > busy, `${last} after the flush, ${busy} before`);
    t.equal(await version(), last, 'and stays so');
  }
});

t.test('an answer comes back byte by byte, with the time that it has left', async (t) => {
  const bytes = Buffer.from([0, 255, 10, 13, 128]);
  t.equal(await lists.find('1', 'limit=5'), null);
  await lists.put('1', 'limit=5', bytes, 5_000);
  await stores.redis.pexpire('orders:list:1:limit=5', 2_000);
  const found = await lists.find('1', 'limit=5');
  t.strictSame(found?.bytes, bytes);
  t.ok(found && found.ttlMs > 1_000 && found.ttlMs <= 2_000, `${found?.ttlMs} ms`);
  t.equal(await lists.find('1', ''), null, 'another query');
  t.equal(await lists.find('2', 'limit=5'), null, 'another version');
  await lists.put('1', '', bytes, 5_000);
  t.ok(await stores.redis.exists('orders:list:1'), 'the key of the whole list is as ever');
});

t.test('what is no answer, or was put there for ever, is a miss', async (t) => {
  await stores.redis.lpush('orders:list:3', 'a list');
  t.equal(await lists.find('3', ''), null);
  await stores.redis.set('orders:list:4', 'x');
  t.equal(await lists.find('4', ''), null);
});

t.test(
  'who asks for the version in the same turn shares the question, who asks later does not',
  async (t) => {
    const together = Array.from({ length: 100 }, () => lists.version());
    t.equal(new Set(together).size, 1);
    await Promise.all(together);
    const early = lists.version();
    await nextTurn();
    t.not(lists.version(), early, 'that one may be answered already');
    for (let i = 0; i < 200; i++) {
      const before = lists.version();
      const version = await stores.redis.incr('orders:list:version');
      t.ok(Number(await lists.version()) >= version, 'as new as the question');
      await before;
    }
  },
);
