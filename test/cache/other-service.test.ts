/** The Flask service on the same Redis: what it reads of ours, and what we read of its. */
import t from 'tap';
import { ITS_TTL, otherService } from '../helpers/other-service.ts';
import { APPLIED_TTL, anOrder, openPending, seenOf, VERSION, WAITING_TTL } from '../helpers/pending.ts';

const { stores, open, pending, put, settle, ttl, ttls } = await openPending(t);
const other = otherService(stores.redis);
const { orders } = await open();

type Order = ReturnType<typeof anOrder>;
type Step = (order: Order) => Promise<unknown>;
const post: Step = (order) => put(order, VERSION);
const patch =
  (n: number): Step =>
  ({ order_id }) =>
    pending.showStatus(order_id, VERSION + n, `status ${n}`);
const remove: Step = ({ order_id }) => pending.showDeleting(order_id, VERSION + 9);
const reserve: Step = ({ order_id }) => pending.reserve(order_id);
const applied =
  (state: number | 'deleted'): Step =>
  async ({ order_id }) => {
    await settle(order_id, state === 'deleted' ? state : VERSION + state, true);
    await orders.invalidateDetails([order_id]);
  };
const appliedUnversioned: Step = ({ order_id }) => settle(order_id, 0, false);
const dead =
  (n: number): Step =>
  ({ order_id }) =>
    pending.giveUp(order_id, VERSION + n, n === 0);
const cached: Step = (order) => orders.putDetail(order.order_id, Buffer.from(JSON.stringify(order)));
const later: Step = (order) => pending.putLater(order.order_id, JSON.stringify(order), VERSION);
const refused: Step = ({ order_id }) => pending.remove(order_id, VERSION);
const reset: Step = () => pending.removeUpTo(VERSION + 20);

t.test('whatever this service writes, the other one reads an order or nothing', async (t) => {
  const table: [what: string, steps: Step[], status: string | undefined][] = [
    ['a POST', [post], 'received'],
    ['a POST and a reservation', [post, reserve], 'received'],
    ['a POST that was refused', [post, refused], undefined],
    ['a PATCH', [post, reserve, patch(1)], 'status 1'],
    ['PATCHes that are shown late', [post, patch(2), patch(1)], 'status 2'],
    ['a DELETE', [post, patch(1), remove], 'deleting'],
    ['an applied POST', [post, applied(0)], 'received'],
    ['an applied PATCH', [post, patch(1), applied(1)], 'status 1'],
    ['a PATCH of two that is applied', [post, patch(1), patch(2), applied(1)], 'status 2'],
    ['something newer in MySQL', [post, applied(1)], undefined],
    ['an applied DELETE', [post, remove, applied('deleted')], undefined],
    ['another PATCH after that', [post, applied('deleted'), reserve, patch(1)], undefined],
    ['a job without a version', [post, patch(1), appliedUnversioned], 'status 1'],
    ['a reservation only', [reserve], undefined],
    ['a PATCH of an order in MySQL', [reserve, patch(1)], undefined],
    ['a DELETE of an order in MySQL', [reserve, remove], undefined],
    ['an order that was cached, and a PATCH', [cached, reserve, patch(1)], 'received'],
    ['an order that was cached, and an applied PATCH', [cached, patch(1), applied(1)], undefined],
    ['an answer after a commit', [applied(1), cached], undefined],
    ['a POST that is shown late', [patch(1), later], 'status 1'],
    ['a POST that is shown late, and was applied', [applied(0), later], undefined],
    ['a dead POST', [post, patch(1), dead(0)], undefined],
    ['a POST that was dead before it was shown', [dead(0), post], undefined],
    ['a dead PATCH', [post, patch(1), dead(1)], 'received'],
    ['a dead DELETE', [post, patch(1), remove, dead(9)], 'status 1'],
    ['a PATCH that was dead before it was shown', [post, dead(1), patch(1)], 'received'],
    ['a reset', [post, patch(1), reset], undefined],
    ['a reset after a DELETE', [post, applied('deleted'), reset], undefined],
  ];
  for (const [what, steps, status] of table) {
    const order = anOrder();
    for (const step of steps) await step(order);
    const read = await other.read(order.order_id);
    if (status === undefined) t.equal(read, undefined, what);
    else t.match(read, { ...order, status }, what);
  }
});

t.test('a reset leaves neither of the keys, whichever is there', async (t) => {
  const [both, order, notes] = [anOrder(), anOrder(), anOrder()];
  for (const step of [post, patch(1)]) await step(both);
  await post(order);
  await patch(1)(notes);
  await reset(both);
  for (const { order_id } of [both, order, notes]) t.strictSame(await ttls(order_id), [-2, -2]);
  await patch(30)(notes);
  await reset(notes);
  t.equal(seenOf(await pending.find(notes.order_id)), 'status 30', 'what is newer stays');
});

t.test('what the other one shows is read', async (t) => {
  const order = anOrder();
  const id = order.order_id;
  await other.post(order);
  t.match(await pending.find(id), { kind: 'order', version: 0, deleting: false, foreign: true });
  await other.patch(id, 'its own');
  t.equal(seenOf(await pending.find(id)), 'its own');
  await other.remove(id);
  t.match(await pending.find(id), { kind: 'order', deleting: true, foreign: true });

  const unknown = anOrder().order_id;
  await other.remove(unknown);
  t.match(await pending.find(unknown), { kind: 'status', status: 'deleting', deleting: true, foreign: true });
});

t.test('its copy outlives its first job, and ends with something newer', async (t) => {
  const table: [what: string, steps: Step[], seen: string | undefined][] = [
    ['its own job', [appliedUnversioned], 'its own'],
    ['a versioned write', [applied(1)], undefined],
    ['its DELETE', [applied('deleted')], 'deleted'],
    ['its POST is a dead letter', [({ order_id }) => pending.giveUp(order_id, 0, true)], undefined],
    ['a PATCH of ours', [reserve, patch(1)], 'status 1'],
    ['a PATCH of ours that dies', [reserve, patch(1), dead(1)], 'its own'],
    ['a PATCH of ours that dies unseen', [reserve, dead(1)], 'its own'],
    ['a DELETE of ours', [reserve, remove], 'deleting'],
    ['a reservation', [reserve], 'its own'],
    ['a reset', [reset], undefined],
  ];
  for (const [what, steps, seen] of table) {
    const order = anOrder();
    await other.post(order);
    await other.patch(order.order_id, 'its own');
    for (const step of steps) await step(order);
    t.equal(seenOf(await pending.find(order.order_id)), seen, what);
    const read = await other.read(order.order_id);
    if (seen === undefined || seen === 'deleted') t.equal(read, undefined, what);
    else t.match(read, { ...order, status: seen }, what);
  }
  const order = anOrder();
  await other.post(order);
  await stores.redis.expire(`temp_order:${order.order_id}`, ITS_TTL / 2);
  await appliedUnversioned(order);
  t.ok((await ttl(order.order_id)) <= ITS_TTL / 2, 'for as long as it says');
});

t.test('what it writes over an order of ours is not lost', async (t) => {
  const table: [what: string, steps: Step[], seen: string | undefined][] = [
    ['nothing', [], 'its own'],
    ['the PATCH before is applied', [applied(1)], 'its own'],
    ['another reservation', [reserve, applied(1)], 'its own'],
    ['something newer is applied', [applied(2)], undefined],
    ['a PATCH after it', [reserve, patch(2)], 'status 2'],
    ['a PATCH after it dies', [reserve, patch(2), dead(2)], 'its own'],
    ['the PATCH before dies', [dead(1)], 'its own'],
    ['a PATCH of before is shown late', [patch(0.5)], 'its own'],
    ['a DELETE that dies', [remove, dead(9)], 'its own'],
  ];
  for (const [what, steps, seen] of table) {
    const order = anOrder();
    await post(order);
    await patch(1)(order);
    await other.patch(order.order_id, 'its own');
    for (const step of steps) await step(order);
    t.equal(seenOf(await pending.find(order.order_id)), seen, what);
    const read = await other.read(order.order_id);
    if (seen === undefined) t.equal(read, undefined, what);
    else t.match(read, { ...order, status: seen }, what);
  }
  const order = anOrder();
  for (const step of [post, patch(1)]) await step(order);
  await other.patch(order.order_id, 'its own');
  await dead(0)(order);
  t.match(await pending.find(order.order_id), { kind: 'status', status: 'its own' }, 'its POST is gone');
  t.equal(await other.read(order.order_id), undefined);
});

t.test('a DELETE of its over an order of ours', async (t) => {
  const order = anOrder();
  await post(order);
  await patch(1)(order);
  await other.remove(order.order_id);
  t.match(await pending.find(order.order_id), { kind: 'order', deleting: true });
  await patch(2)(order);
  t.equal(seenOf(await pending.find(order.order_id)), 'deleting', 'nothing comes after a DELETE');
  await applied('deleted')(order);
  t.strictSame(await pending.find(order.order_id), { kind: 'deleted' });
});

t.test('what an earlier version of this service left in the one key', async (t) => {
  const v = (n: number) => String(VERSION + n);
  const opened = (order: Order, more: object) => ({ ...order, patches: '', deletes: {}, ...more });
  const patched = (order: Order) =>
    opened(order, {
      ...{ status: 'status 2', version: v(2), created: v(0), first: 'received', reserved: v(2) },
      patches: `${v(1)}:8:status 1${v(2)}:8:status 2`,
    });
  const table: [what: string, copy: (order: Order) => object, steps: Step[], seen: string | undefined][] = [
    ['reserved', (order) => ({ ...order, version: v(0), reserved: v(1) }), [], 'received'],
    ['reserved, shown', (order) => ({ ...order, version: v(0), reserved: v(1) }), [patch(1)], 'status 1'],
    ['only reserved', ({ order_id }) => ({ order_id, reserved: v(1) }), [], undefined],
    [
      'bare',
      ({ order_id }) => ({ order_id, applied: v(3), patches: '', deletes: {} }),
      [patch(1)],
      undefined,
    ],
    ['a tombstone', ({ order_id }) => ({ order_id, deleted: true }), [patch(1)], 'deleted'],
    ['patched', patched, [], 'status 2'],
    ['patched, settled', patched, [applied(2)], 'status 2'],
    ['patched, settled by more', patched, [applied(3)], undefined],
    ['patched, and one dies', patched, [dead(2)], 'status 1'],
    ['patched, and both die', patched, [dead(2), dead(1)], 'received'],
    ['patched, and the POST dies', patched, [dead(0)], 'status 2'],
    [
      'only patched',
      ({ order_id }) => ({
        ...{ order_id, status: 'status 1', version: v(1), deletes: {} },
        patches: `${v(1)}:8:status 1`,
      }),
      [patch(2), dead(2)],
      'status 1',
    ],
    [
      'deleting',
      (order) =>
        opened(order, {
          ...{ status: 'deleting', deleting: true, version: v(9), created: v(0), first: 'received' },
          deletes: [v(9)],
        }),
      [patch(1), dead(9)],
      'status 1',
    ],
  ];
  for (const [what, copy, steps, seen] of table) {
    const order = anOrder();
    await stores.redis.set(`temp_order:${order.order_id}`, JSON.stringify(copy(order)), 'EX', WAITING_TTL);
    for (const step of steps) await step(order);
    t.equal(seenOf(await pending.find(order.order_id)), seen, what);
    const lasts = await ttl(order.order_id);
    t.ok(lasts > APPLIED_TTL - 5, `${what}: for ${lasts} s`);
    if (steps.length === 0 || seen === undefined || seen === 'deleted') continue;
    const read = await other.read(order.order_id);
    if (read !== undefined) t.match(read, { ...order, status: seen }, `${what}: it has become an order`);
  }
  const id = anOrder().order_id;
  const ahead = Date.now() * 1_000 + 40_000_000;
  await stores.redis.set(`temp_order:${id}`, JSON.stringify({ order_id: id, reserved: String(ahead) }));
  t.equal(await pending.reserve(id), ahead + 1);
});

t.test('one of the two keys is left', async (t) => {
  const noNotes = anOrder();
  for (const step of [post, patch(1), patch(2)]) await step(noNotes);
  await stores.redis.del(`order_writes:{temp_order:${noNotes.order_id}}`);
  t.equal(seenOf(await pending.find(noNotes.order_id)), 'status 2');
  t.ok(((await pending.reserve(noNotes.order_id)) ?? 0) > VERSION + 2);
  await patch(3)(noNotes);
  await dead(3)(noNotes);
  t.equal(seenOf(await pending.find(noNotes.order_id)), 'status 2');
  await applied('deleted')(noNotes);
  t.strictSame(await pending.find(noNotes.order_id), { kind: 'deleted' });

  const noOrder = anOrder();
  for (const step of [post, patch(1)]) await step(noOrder);
  await stores.redis.del(`temp_order:${noOrder.order_id}`);
  t.match(await pending.find(noOrder.order_id), { kind: 'status', status: 'status 1', version: VERSION + 1 });
  await dead(1)(noOrder);
  t.equal(await pending.find(noOrder.order_id), undefined, 'MySQL’s is seen');
  await patch(2)(noOrder);
  await later(noOrder);
  t.equal(seenOf(await pending.find(noOrder.order_id)), 'status 2', 'the order is put below what is noted');
});
