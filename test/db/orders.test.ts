import { sql } from 'drizzle-orm';
import t from 'tap';
import { timeOf } from '../../clock.ts';
import { isDuplicate, isPassing, reasonOf } from '../../db/errors.ts';
import { findOrder, insertOrders, readBefore, resetOrders } from '../../db/orders.ts';
import { runEach } from '../../db/statements.ts';
import { startDatabase } from '../helpers/database.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../helpers/orders.ts';

const latest = () => Number.POSITIVE_INFINITY;
const { orm } = startDatabase(t, await isolatedEnvironment());

t.test('the items of an order keep their order, also when there are a thousand', async (t) => {
  const items = Array.from({ length: 1_000 }, (_, i) => ({ name: `Item ${1_000 - i}`, quantity: i + 1 }));
  const accepted = anAcceptedOrder({ items });
  const { order } = accepted;
  await insertAccepted(orm, [accepted]);
  t.strictSame(await findOrder(orm, order.order_id), order);
});

t.test('an insert of which one order exists leaves nothing of the others', async (t) => {
  const [first, second] = [anAcceptedOrder(), anAcceptedOrder()];
  await insertAccepted(orm, [first]);
  const error = await insertAccepted(orm, [second, first]).catch((error) => error);
  t.ok(isDuplicate(error));
  t.notOk(isPassing(error));
  t.notMatch(reasonOf(error), 'Failed query', 'no statement in what people read');
  t.equal(await findOrder(orm, second.order.order_id), undefined);
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
  let readMark: () => void = () => {};
  const marked = new Promise<void>((resolve) => {
    readMark = resolve;
  });
  const applying = orm.transaction(async (tx) => {
    await readBefore(tx, [], latest);
    const resetting = resetOrders(orm, new Date());
    readMark();
    const first = await Promise.race([
      resetting.then(() => 'reset'),
      new Promise((r) => setTimeout(r, 200, 'waits')),
    ]);
    t.equal(first, 'waits');
    await runEach(tx, insertOrders([{ order, acceptedAt, version: 1 }]));
    return { resetting };
  });
  await marked;
  const { resetting } = await applying;
  const before = new Date();
  await resetting;
  t.equal(await findOrder(orm, order.order_id), undefined);
  const { lastReset } = await orm.transaction((tx) => readBefore(tx, [], latest));
  const at = timeOf(lastReset).getTime();
  t.ok(at <= before.getTime() && before.getTime() - at < 60_000);
});
