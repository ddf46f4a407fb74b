/** How old a list may be that is served, and how many are kept. */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import t from 'tap';
import { TOO_LARGE } from '../../../api/lists/lists.ts';
import { until } from '../../../testbed/until.ts';
import { alone, startAppWithOrder, startLists, times } from '../../helpers/lists.ts';

/** The answer to a client that stays connected. */
const aResponse = () => new ServerResponse(new IncomingMessage(new Socket()));

const { app, stores, setStatus, commit } = await startAppWithOrder(t);

t.test('LIST_STALE_MS: the last answer at once, while a new one is made', async (t) => {
  const lists = startLists(app, { staleMs: 60_000 }, alone);
  await commit('old');
  t.equal(await lists.status(), 'old');
  const release = lists.holdBuilds();
  await commit('new');
  for (let i = 0; i < 5; i++) t.equal(await lists.status(), 'old');
  await until('it is being made', () => lists.counts.builds === 2);
  release();
  await until('the new one is there', async () => (await lists.status()) === 'new');
  t.equal(lists.counts.builds, 2);

  lists.failWith(new Error('gone'));
  await commit('unseen');
  for (let i = 0; i < 5; i++)
    t.equal(await lists.status(), 'new', 'a failure in the background is no failure');
  lists.failWith(undefined);
  await until('it is made after all', async () => (await lists.status()) === 'unseen');
});

t.test('LIST_STALE_MS counts from the first change, seen or not', async (t) => {
  const lists = startLists(app, { staleMs: 300 }, alone);
  await commit('old');
  await lists.status();
  await commit('unseen');
  const changed = performance.now();
  await until('it is older than that', () => performance.now() - changed > 300);
  t.equal(await lists.status(), 'unseen', 'nobody looked meanwhile');

  const release = lists.holdBuilds();
  await lists.status();
  const looked = performance.now();
  await commit('newer');
  const found = await lists.status();
  if (performance.now() - looked < 300) t.equal(found, 'unseen');
  await commit('newest');
  await until('the first change is too old', () => performance.now() - looked > 350);
  const late = lists.status();
  await until('the next answer has been read', () => lists.counts.read >= 2);
  release();
  t.equal(await late, 'newest', 'however new the last change is');
});

t.test('ORDERS_CACHE_TTL: an answer whose version was not counted on is made anew', async (t) => {
  const lists = startLists(app, { ttl: 1 });
  await commit('old');
  t.equal(await lists.status(), 'old');
  const made = performance.now();
  await setStatus('unannounced');
  t.equal(await lists.status(), 'old');
  await until('it has expired', async () => (await lists.status()) !== 'old', 3_000);
  const ms = performance.now() - made;
  t.ok(ms > 500 && ms < 1_500, `after ${ms} ms`);
});

t.test('the time that an answer has lain in Redis counts', async (t) => {
  const lists = startLists(app);
  await commit('built');
  const version = (await app.cache.lists.version()) ?? '';
  const old = JSON.stringify({ total_orders: 1, orders: [{ status: 'old' }] });
  await app.cache.lists.put(version, '', Buffer.from(old), 400);
  const put = performance.now();
  t.equal(await lists.status(), 'old');
  await stores.redis.del(`orders:list:${version}`);
  t.equal(await lists.status(), 'old', 'from memory');
  await until('it has expired', async () => (await lists.status()) === 'built', 3_000);
  t.ok(performance.now() - put < 1_500);
  t.equal(lists.counts.builds, 1);
});

t.test('what Redis keeps lasts no longer than what memory keeps', async (t) => {
  const lists = startLists(app, { ttl: 10 });
  await commit('kept');
  await lists.status({ limit: 9 });
  const key = `orders:list:${await app.cache.lists.version()}:limit=9`;
  const left = await until('it is there', async () => Math.max(0, await stores.redis.pttl(key)));
  t.ok(left > 8_500 && left <= 11_000, `${left} ms`);
});

t.test(
  'LIST_MEMORY_MB: the least recently used go, and what is too large is served and not kept',
  async (t) => {
    const room = startLists(app, { memoryBytes: 4_000 }, alone);
    await commit('x');
    for (const limit of [1, 2, 1, 3, 4, 1]) await room.status({ limit });
    t.equal(room.counts.builds, 4, 'three of them fit');
    await room.status({ limit: 2 });
    t.equal(room.counts.builds, 5, 'the one that went');
    await room.status({ limit: 1 });
    t.equal(room.counts.builds, 5, 'one that was used since');

    const puts: string[] = [];
    const put = async (_version: string, query: string) => puts.push(query);
    const none = startLists(app, { memoryBytes: 300 }, { ...alone, put });
    for (let i = 0; i < 3; i++) {
      t.equal(await none.findAny({}), TOO_LARGE);
      const streamed = await none.stream({}, aResponse());
      t.match(JSON.parse((await streamed?.body.toArray())?.join('') ?? ''), { orders: [{ status: 'x' }] });
    }
    t.strictSame(puts, []);
  },
);

t.test('compressed bytes are made once, and count', async (t) => {
  const lists = startLists(app, { memoryBytes: 3_000 }, alone);
  await commit('x');
  const answer = await lists.find({});
  if (!answer) return t.fail('there is one');
  const { bytes } = answer;
  const made = await Promise.all(times(5, () => lists.encoded(answer, 'gzip')));
  t.equal(new Set(made).size, 1);
  t.equal(answer.bytes, bytes + (made[0]?.length ?? 0));
  t.equal(await lists.find({}), answer, 'the same object for as long as it is kept');
});
