/** What is told of the jobs of a transaction. */
import t from 'tap';
import { readJobEvents } from '../../domain/job-events.ts';
import type { WriteJob } from '../../domain/jobs.ts';
import type { AcceptedJob } from '../../domain/plan.ts';
import type { Told, Verdict } from '../../jobs/applied.ts';
import { toldOfBatch } from '../../jobs/events.ts';

const ID = '11111111-2222-7333-8444-555555555555';
const AT = Date.UTC(2026, 10, 29);

const toldOf = (verdict: Verdict, more: Partial<AcceptedJob> = {}, status = 'sent') => {
  const job: WriteJob = {
    job_id: 'a "job"',
    type: 'update_order_status',
    payload: { order_id: ID, status },
    version: 7,
  };
  const accepted = { job, acceptedAt: new Date(AT - 1_000), attempts: 2, requestId: 'r-1', ...more };
  return toldOfBatch([accepted], new Map([[job, verdict]]), AT);
};
const read = (told: Told | undefined) => ({
  text: readJobEvents(`[${told?.text}]`)[0],
  full: readJobEvents(`[${told?.full}]`)[0],
});

t.test('each verdict', async (t) => {
  const states = {
    applied: 'succeeded',
    unchanged: 'succeeded',
    superseded: 'superseded',
    void: 'cancelled',
  };
  for (const [verdict, state] of Object.entries(states)) {
    const [told] = toldOf(verdict as Verdict);
    t.match(told?.event, { job_id: 'a "job"', state }, verdict);
    const { text, full } = read(told);
    const event = { job_id: 'a "job"', order_id: ID, version: 7, state, at: AT, attempts: 2 };
    t.match(text, { ...event, accepted_at: AT - 1_000, request_id: 'r-1' }, verdict);
    t.equal(text?.repeated, verdict === 'unchanged' || undefined);
    t.equal(text?.order, undefined);
    t.strictSame({ ...full, order: undefined }, { ...text, order: undefined });
    t.strictSame(full?.order, verdict === 'applied' ? { status: 'sent' } : undefined, verdict);
  }
  for (const verdict of ['order_not_found', 'invalid'] as const) t.strictSame(toldOf(verdict), []);
});

t.test('a request id that is not harmless is left out', async (t) => {
  for (const requestId of ['a b', 'x'.repeat(65), '', undefined])
    for (const verdict of ['applied', 'unchanged'] as const) {
      const { text } = read(toldOf(verdict, { requestId })[0]);
      t.equal(text?.job_id, 'a "job"');
      t.equal(text?.request_id, undefined);
    }
});

t.test('of a job that was delivered before only the journal knows whether it is superseded', async (t) => {
  t.equal(toldOf('superseded', { redelivered: true })[0]?.isDoubtful, true);
  t.equal(toldOf('superseded', { redelivered: false })[0]?.isDoubtful, undefined);
  t.equal(toldOf('applied', { redelivered: true })[0]?.isDoubtful, undefined);
});
