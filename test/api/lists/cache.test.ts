/** How often the database is asked for the list. */
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import type { ListQuery } from '../../../api/lists/query.ts';
import { until } from '../../../testbed/until.ts';
import { alone, startAppWithOrder, startLists, times } from '../../helpers/lists.ts';

const { app, stores, id, setStatus, commit } = await startAppWithOrder(t);

t.test(
  'statements: one for a page, counted or not, and one for the order before it; a snapshot for all orders',
  async (t) => {
    const table: [query: ListQuery, statements: number][] = [
      [{}, 6],
      [{ limit: 5 }, 1],
      [{ status: 'received' }, 1],
      [{ status: 'received', count: true }, 1],
      [{ status: 'none' }, 1],
      [{ limit: 5, after: id }, 2],
      [{ customer_name: 'A', after: id, count: true }, 2],
    ];
    for (const [query, statements] of table) {
      const { find, counts } = startLists(app, {}, alone);
      await find(query);
      await find(query);
      t.strictSame(counts, { builds: 1, read: 1, statements, versions: 2 }, JSON.stringify(query));
    }
  },
);

t.test('many at once make one answer a query, and the next ones none', async (t) => {
  const lists = startLists(app);
  await commit('once');
  const found = await Promise.all(times(50, () => lists.status()));
  t.strictSame(new Set(found), new Set(['once']));
  t.equal(lists.counts.builds, 1);
  await Promise.all(times(50, () => lists.status({ limit: 7 })));
  t.equal(lists.counts.builds, 2, 'another query');
  await setStatus('unannounced');
  for (const query of [{}, { limit: 7 }]) t.equal(await lists.status(query), 'once');
  t.equal(lists.counts.builds, 2);
});

t.test('another process takes it from Redis', async (t) => {
  await commit('shared');
  const [first, second] = [startLists(app), startLists(app)];
  await first.status();
  await until('it is in Redis', async () =>
    app.cache.lists.find((await app.cache.lists.version()) ?? '', ''),
  );
  const [mine, theirs] = [await first.find({}), await second.find({})];
  t.equal(second.counts.builds, 0);
  t.strictSame(theirs?.body, mine?.body);
  t.equal(theirs?.etag, mine?.etag);
});

t.test('a version that changes while an answer is made: later requests share the next one', async (t) => {
  const lists = startLists(app);
  await commit('old');
  const release = lists.holdBuilds();
  const early = times(5, () => lists.status());
  await until('it has read', () => lists.counts.read > 0);
  const late: Promise<string>[] = [];
  for (const status of ['newer', 'newest']) {
    await commit(status);
    const { versions } = lists.counts;
    late.push(...times(5, () => lists.status()));
    await until('they have asked', () => lists.counts.versions === versions + 5);
  }
  release();
  t.strictSame(new Set(await Promise.all(early)), new Set(['old']));
  t.strictSame(
    new Set(await Promise.all(late)),
    new Set(['newest']),
    'all that was committed before they asked',
  );
  t.equal(lists.counts.builds, 2);
  t.equal(await lists.status(), 'newest');
  t.equal(lists.counts.builds, 2, 'and it is kept');
});

t.test('without Redis nothing is kept, and no answer is older than its request', async (t) => {
  const lists = startLists(app, {}, { ...alone, version: async () => null });
  await setStatus('old');
  const release = lists.holdBuilds();
  const early = lists.status();
  await until('it has read', () => lists.counts.read > 0);
  await setStatus('new');
  const late = times(5, () => lists.status());
  release();
  t.equal(await early, 'old');
  t.strictSame(new Set(await Promise.all(late)), new Set(['new']));
  t.equal(lists.counts.builds, 2, 'those who wait anyway wait for the same');
  await setStatus('newest');
  t.equal(await lists.status(), 'newest');
});

t.test('what was kept before Redis went is not believed when it is back', async (t) => {
  let version: string | null = '7';
  const lists = startLists(app, {}, { ...alone, version: async () => version });
  await setStatus('before');
  t.equal(await lists.status(), 'before');
  version = null;
  await lists.status();
  await setStatus('after');
  version = '7';
  t.equal(await lists.status(), 'after');
});

t.test('a failure is everybody’s who waits, and nobody’s after', async (t) => {
  const lists = startLists(app, {}, alone);
  await commit('well');
  lists.failWith(Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
  const results = await Promise.allSettled(times(10, () => lists.find({})));
  for (const result of results) t.match(result, { status: 'rejected', reason: { message: 'gone' } });
  t.equal(lists.counts.builds, 1);
  lists.failWith(undefined);
  t.equal(await lists.status(), 'well');
});

t.test('an answer that takes longer than 15 s is given up', async (t) => {
  const lists = startLists(app, {}, alone);
  await commit('slow');
  const release = lists.holdBuilds();
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  // Polled without a timer: those stand still.
  const has = async (isSo: () => boolean) => {
    while (!isSo()) await nextTurn();
  };
  const waiting = lists.find({}).catch((error) => error);
  await has(() => lists.counts.read > 0);
  mock.timers.tick(14_999);
  const later = lists.find({}).catch((error) => error);
  await has(() => lists.counts.versions === 2);
  await nextTurn();
  mock.timers.tick(1);
  mock.timers.reset();
  t.match(await waiting, { name: 'DeadlineError' }, 'and answered with 503');
  t.match(await later, { name: 'DeadlineError' }, 'also for who came last');
  release();
  t.equal(await lists.status(), 'slow');
  t.equal(lists.counts.builds, 2);
});

t.test('orders that are not known are asked for again each time', async (t) => {
  const lists = startLists(app, {}, alone);
  const after = '00000000-0000-7000-8000-000000000000';
  await commit('x');
  t.equal(await lists.find({ after }), undefined);
  await stores.rows('INSERT INTO deleted_orders (id, accepted_at, deleted_at) VALUES (?, NOW(3), NOW(3))', [
    after,
  ]);
  t.equal(await lists.status({ after }), 'x');
});
