/** What readers see of an order if some of its writes become dead letters, in whatever sequence that happens. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { anOrder, openPending, seenOf, VERSION } from '../helpers/pending.ts';
import { permutations } from '../helpers/permutations.ts';

const { stores, pending, put, settle, ttl } = await openPending(t);

/** A write by its place among those to the order: 0 is the POST. */
type Write = { n: number; deletes?: boolean };
const post = { n: 0 };
const [first, second] = [{ n: 1 }, { n: 2 }];
const remove = { n: 3, deletes: true };
const all: Write[] = [post, first, second, remove];
const statusOf = ({ n }: Write) => (n === 0 ? 'received' : `status ${n}`);
const show = (id: string, { n, deletes }: Write, again?: { again: boolean }) =>
  deletes
    ? pending.showDeleting(id, VERSION + n, again)
    : pending.showStatus(id, VERSION + n, statusOf({ n }), again);
const giveUp = (id: string, { n }: Write) => pending.giveUp(id, VERSION + n, n === 0);

/**
 * What readers see of the writes that are not dead letters. Without the POST they see only what goes over MySQL's
 * order.
 */
const expected = (dead: Write[]) => {
  const left = all.filter((write) => !dead.includes(write));
  if (left.includes(remove)) return 'deleting';
  const newest = left.at(-1);
  return newest && statusOf(newest);
};

t.test('a POST, two PATCHes and a DELETE become dead letters in each order, and wait again', async (t) => {
  for (const sequence of permutations(all)) {
    const order = anOrder();
    const id = order.order_id;
    await put(order, VERSION);
    for (const write of all.slice(1)) await show(id, write);
    for (const [i, write] of sequence.entries()) {
      await giveUp(id, write);
      const dead = sequence.slice(0, i + 1);
      const found = await pending.find(id);
      const name = dead.map(({ n }) => n).join();
      t.equal(seenOf(found), expected(dead), name);
      t.equal(found?.kind === 'order', !dead.includes(post), `${name}: the order goes with its POST only`);
    }
    t.equal(await stores.redis.exists(`temp_order:${id}`), 0, 'nothing is left');
    for (const [i, write] of sequence.entries()) {
      if (write === post) await pending.putLater(id, JSON.stringify(order), VERSION, { again: true });
      else await show(id, write, { again: true });
      const dead = sequence.slice(i + 1);
      t.equal(seenOf(await pending.find(id)), expected(dead), `waits again: ${write.n}`);
    }
    const found = await pending.find(id);
    if (found?.kind === 'order')
      t.strictSame(JSON.parse(found.json.toString()), { ...order, status: 'deleting' });
  }
});

t.test('what was applied before is not shown in its place, but MySQL’s', async (t) => {
  const table: [applied: number, dead: Write[], seen: string | undefined][] = [
    [0, [second], 'status 1'],
    [0, [second, first], 'received'],
    [1, [second], 'status 1'],
    [1, [first, second], undefined],
    [2, [first], 'status 2'],
  ];
  for (const [applied, dead, seen] of table) {
    const order = anOrder();
    const id = order.order_id;
    await put(order, VERSION);
    await show(id, first);
    await show(id, second);
    await settle(id, VERSION + applied, true);
    for (const write of dead) await giveUp(id, write);
    t.equal(seenOf(await pending.find(id)), seen, `applied ${applied}, dead ${dead.map(({ n }) => n)}`);
  }
});

t.test('PATCHes of an order that only MySQL has', async (t) => {
  const id = randomUUID();
  await show(id, first);
  await show(id, second);
  await giveUp(id, second);
  t.equal(seenOf(await pending.find(id)), 'status 1');
  await giveUp(id, first);
  t.equal(await pending.find(id), undefined);
});

t.test('a PATCH that is a dead letter before it is shown', async (t) => {
  const order = anOrder();
  const id = order.order_id;
  await put(order, VERSION);
  await giveUp(id, first);
  await show(id, first);
  t.equal(seenOf(await pending.find(id)), 'received');
  await show(id, second);
  t.equal(seenOf(await pending.find(id)), 'status 2');
});

t.test('a dead letter whose copy comes after, as its process was without Redis', async (t) => {
  const order = anOrder();
  await giveUp(order.order_id, post);
  t.ok((await ttl(order.order_id)) <= 120, 'that is not remembered for long');
  await pending.putLater(order.order_id, JSON.stringify(order), VERSION);
  t.equal(await pending.find(order.order_id), undefined);
  t.equal(await put(order, VERSION + 5), true, 'another try is another write');
  t.equal(seenOf(await pending.find(order.order_id)), 'received');
});

t.test('a copy that another service put, without a version', async (t) => {
  const order = anOrder();
  const id = order.order_id;
  await stores.redis.set(`temp_order:${id}`, JSON.stringify(order), 'EX', 60);
  await show(id, first);
  await pending.giveUp(id, 0, true);
  await giveUp(id, first);
  t.equal(await pending.find(id), undefined);
});

t.test('hundreds of PATCHes keep the copy small, and the newest are known', async (t) => {
  const order = anOrder();
  const id = order.order_id;
  await put(order, VERSION);
  for (let n = 1; n <= 300; n++) await pending.showStatus(id, VERSION + n, `status ${n}`);
  t.ok((await stores.redis.strlen(`temp_order:${id}`)) < 4_000);
  for (let n = 300; n > 280; n--) await giveUp(id, { n });
  t.equal(seenOf(await pending.find(id)), 'status 280');
});
