import { sql } from 'drizzle-orm';
import t from 'tap';
import { addToCount } from '../../db/counts.ts';
import { isDuplicate, isPassing, reasonOf } from '../../db/errors.ts';
import { findOrder, insertOrders, readBefore } from '../../db/orders.ts';
import { beginReset, endReset, lockResets, readReset, removeOrders } from '../../db/resets.ts';
import { readRows } from '../../db/rows.ts';
import { runEach } from '../../db/statements.ts';
import { lastVersionOf, MAX_AHEAD } from '../../domain/versions.ts';
import { until } from '../../testbed/until.ts';
import { startDatabase } from '../helpers/database.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../helpers/orders.ts';

const latest = () => Date.now() * 1_000 + MAX_AHEAD;
const { orm, alone } = startDatabase(t, await isolatedEnvironment());

t.test('the items of an order keep their order, also when there are a thousand', async (t) => {
  const items = Array.from({ length: 1_000 }, (_, i) => ({ name: `Item ${1_000 - i}`, quantity: i + 1 }));
  const accepted = anAcceptedOrder({ items });
  const { order } = accepted;
  await insertAccepted(orm, [accepted]);
  t.strictSame((await findOrder(orm, order.order_id)).value, order);
});

t.test('an insert of which one order exists leaves nothing of the others', async (t) => {
  const [first, second] = [anAcceptedOrder(), anAcceptedOrder()];
  await insertAccepted(orm, [first]);
  const error = await insertAccepted(orm, [second, first]).catch((error) => error);
  t.ok(isDuplicate(error));
  t.notOk(isPassing(error));
  t.notMatch(reasonOf(error), 'Failed query', 'no statement in what people read');
  t.equal((await findOrder(orm, second.order.order_id)).value, undefined);
});

t.test('a deadlock is a passing failure', async (t) => {
  const [a, b] = [anAcceptedOrder(), anAcceptedOrder()];
  await insertAccepted(orm, [a, b]);
  const touch = (id: string) => sql`update orders set status = concat(status, '!') where id = ${id}`;
  let bothHoldOne: () => void = () => {};
  const meeting = new Promise<void>((resolve) => {
    bothHoldOne = resolve;
  });
  let holding = 0;
  const crossing = (first: string, second: string) =>
    orm.transaction(async (tx) => {
      await tx.execute(touch(first));
      if (++holding === 2) bothHoldOne();
      await meeting;
      await tx.execute(touch(second));
    });
  const results = await Promise.allSettled([
    crossing(a.order.order_id, b.order.order_id),
    crossing(b.order.order_id, a.order.order_id),
  ]);
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  t.equal(failures.length, 1);
  t.ok(isPassing(failures[0]));
});

t.test('a connection that is lost in a transaction is a passing failure', async (t) => {
  const error = await orm
    .transaction(async (tx) => {
      await tx.execute(sql`select 1`);
      const [[row]] = (await tx.execute(sql`select connection_id() as id`)) as unknown as [{ id: number }[]];
      await orm.execute(sql.raw(`KILL ${row?.id}`));
      await tx.execute(sql`select 1`);
    })
    .catch((error) => error);
  t.ok(isPassing(error), reasonOf(error));
});

t.test('a reset waits for the transaction that applies a job, and removes what it leaves', async (t) => {
  const { order } = anAcceptedOrder();
  const acceptedAt = new Date();
  const version = lastVersionOf(Date.now());
  const removed: number[] = [];
  const reset = () =>
    alone(async (session) => {
      await beginReset(session, version);
      await removeOrders(session, version, latest, (orders) => removed.push(orders));
      await endReset(session, version);
    });
  const { resetting } = await orm.transaction(async (tx) => {
    await readBefore(tx, [], () => Number.POSITIVE_INFINITY);
    const resetting = reset();
    const first = await Promise.race([
      resetting.then(() => 'reset'),
      new Promise((r) => setTimeout(r, 200, 'waits')),
    ]);
    t.equal(first, 'waits');
    await runEach(tx, [...insertOrders([{ order, acceptedAt, version: 1 }]), ...addToCount(1)]);
    return { resetting };
  });
  await resetting;
  t.equal((await findOrder(orm, order.order_id)).value, undefined);
  const { lastReset } = await orm.transaction((tx) => readBefore(tx, [], () => Number.POSITIVE_INFINITY));
  t.equal(lastReset, version);
  t.match(await readReset(orm), { version, complete: true });
});

t.test(
  'a reset removes in chunks of so many items, what is far ahead too, and the count is right',
  async (t) => {
    const items = Array.from({ length: 1_000 }, (_, i) => ({ name: `Item ${i}`, quantity: 1 }));
    const at = Date.now();
    const old = [
      ...Array.from({ length: 12 }, () => anAcceptedOrder({ items }, at - 1)),
      anAcceptedOrder({}, at),
    ];
    const kept = anAcceptedOrder({}, at + 1);
    const far = anAcceptedOrder({}, at + 86_400_000);
    await insertAccepted(orm, old);
    await insertAccepted(orm, [kept, far]);
    const removed: number[] = [];
    await alone((session) =>
      removeOrders(session, lastVersionOf(at), latest, (orders) => removed.push(orders)),
    );
    t.strictSame(
      removed.filter((orders) => orders > 5),
      [],
      'never more than 5,000 items at once',
    );
    t.strictSame(await readRows(orm, sql`select id from orders`), [{ id: kept.order.order_id }]);
    t.strictSame(await readRows(orm, sql`select count(distinct order_id) as n from order_items`), [{ n: 1 }]);
    t.match(await readRows(orm, sql`select sum(orders) as n from order_counts`), [{ n: '1' }]);
  },
);

t.test('two who would reset, one after the other, and a lock that goes with its connection', async (t) => {
  await alone(async (first) => {
    t.ok(await lockResets(first, 0));
    t.notOk(await alone((second) => lockResets(second, 0)));
  });
  await until('the lock is free', () => alone((second) => lockResets(second, 0)));
});
