/** What readers see of an order after each step of its writes, in every order of the steps. */
import t from 'tap';
import { APPLIED_TTL, anOrder, openPending, seenOf, VERSION, WAITING_TTL } from '../helpers/pending.ts';
import { permutations } from '../helpers/permutations.ts';

const { pending, put, settle, ttls, notesOf } = await openPending(t);

/** A write's steps. `n` is its place among the writes to the order; the order itself, where there is one, is 0. */
type Step = { n: number; step: 'show' | 'settle'; deletes: boolean };
const steps = (n: number, deletes = false): Step[] => [
  { n, step: 'show', deletes },
  { n, step: 'settle', deletes },
];
const nameOf = ({ n, step, deletes }: Step) => `${step} ${deletes ? 'delete' : 'patch'} ${n}`;
const statusOf = (n: number) => (n === 0 ? 'received' : `status ${n}`);

/** What MySQL holds once these are applied, as consumers apply them: never going back. */
const inMysql = (settled: Step[]): number | 'deleted' =>
  settled.some(({ deletes }) => deletes) ? 'deleted' : VERSION + Math.max(...settled.map(({ n }) => n));

/** What readers are to see after these steps, and for how long. */
const expected = (done: Step[], withOrder: boolean) => {
  const settled = done.filter(({ step }) => step === 'settle');
  const shown = done.filter(({ step }) => step === 'show');
  if (settled.some(({ deletes }) => deletes)) return { seen: 'deleted', ttl: APPLIED_TTL };
  if (shown.some(({ deletes }) => deletes)) return { seen: 'deleting', ttl: WAITING_TTL };
  const newest = Math.max(withOrder ? 0 : -1, ...shown.map(({ n }) => n));
  const applied = Math.max(-1, ...settled.map(({ n }) => n));
  if (newest < applied || newest < 0) return { seen: undefined, ttl: APPLIED_TTL };
  return { seen: statusOf(newest), ttl: newest > applied ? WAITING_TTL : APPLIED_TTL };
};

const carryOut = async (id: string, { n, step, deletes }: Step, done: Step[]) => {
  if (step === 'settle') await settle(id, inMysql(done.filter(({ step }) => step === 'settle')), true);
  else if (deletes) await pending.showDeleting(id, VERSION + n);
  else await pending.showStatus(id, VERSION + n, statusOf(n));
};

const writes: [what: string, steps: Step[]][] = [
  ['one patch', steps(1)],
  ['one delete', steps(1, true)],
  ['two patches', [...steps(1), ...steps(2)]],
  ['a patch, then a delete', [...steps(1), ...steps(2, true)]],
  ['a delete, then a patch', [...steps(1, true), ...steps(2)]],
  ['two deletes', [...steps(1, true), ...steps(2, true)]],
];
for (const withOrder of [true, false])
  for (const [what, all] of writes)
    t.test(
      `${what} of ${withOrder ? 'a pending order' : 'an order in MySQL'}, each order of steps`,
      async (t) => {
        for (const sequence of permutations(all)) {
          const order = anOrder();
          const id = order.order_id;
          if (withOrder) t.ok(await put(order, VERSION));
          for (const [i, step] of sequence.entries()) {
            const done = sequence.slice(0, i + 1);
            await carryOut(id, step, done);
            const { seen, ttl: longest } = expected(done, withOrder);
            const name = done.map(nameOf).join(', ');
            const found = await pending.find(id);
            t.equal(seenOf(found), seen, name);
            if (found?.kind === 'order')
              t.equal(String(found.json), JSON.stringify({ ...order, status: seen }), 'ready to send');
            for (const lasts of await ttls(id))
              t.ok(lasts === -2 || (lasts > longest - 5 && lasts <= longest), `${name}: for ${lasts} s`);
            t.match((await notesOf(id)) ?? 'deleted', /^(deleted|(\d{16})?\|(\d{16})?\|(\d{16},)*\|\|)/);
          }
        }
      },
    );
