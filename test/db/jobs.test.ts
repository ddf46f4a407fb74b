/** What the table of jobs keeps of events that come twice, late or in another order. */
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import t from 'tap';
import { openCache } from '../../cache/cache.ts';
import { findJob, listJobs, projectJobs, pruneJobs } from '../../db/jobs.ts';
import { addToJournal, writeJournal } from '../../db/journal.ts';
import { readRows } from '../../db/rows.ts';
import { type JobEvent, type JobState, jobStates, readJobEvents, standing } from '../../domain/job-events.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { until } from '../../testbed/until.ts';
import { startDatabase } from '../helpers/database.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment();
const stores = await openStores(t, env);
const { orm, alone } = startDatabase(t, env, true);
const cache = openCache(loadConfig(env), unobserved);
t.teardown(() => cache.close());
await until('Redis is reached', async () => (await cache.time()) !== null);

const START = Date.UTC(2026, 10, 29);
const eventOf = (jobId: string, state: JobState, at: number): JobEvent => ({
  job_id: jobId,
  job_type: 'create_order',
  order_id: '11111111-2222-7333-8444-555555555555',
  version: 1,
  state,
  at: START + at,
  attempts: at,
  error: `${state} at ${at}`,
});

const final = new Set<JobState>(['superseded', 'cancelled']);
/** The rule in domain/job-events.ts, once more. */
const replaces = (next: JobEvent, known: JobEvent | undefined): boolean => {
  if (known?.state === 'succeeded') return false;
  if (known === undefined || next.state === 'succeeded') return true;
  if (final.has(known.state)) return false;
  return final.has(next.state) || next.at >= known.at;
};

t.test('each state after each other one, earlier, later and at once: MySQL and Redis agree', async (t) => {
  for (const first of jobStates)
    for (const second of jobStates)
      for (const later of [-1, 0, 1]) {
        const id = randomUUID();
        const events = [eventOf(id, first, 5), eventOf(id, second, 5 + later)];
        const [a, b] = events;
        const expected = b && replaces(b, a) ? b : a;
        await projectJobs(orm, events);
        await projectJobs(orm, events);
        const name = `${first}, then ${second} ${later} ms later`;
        t.match(
          await findJob(orm, id),
          {
            state: expected?.state,
            error: expected?.error,
            attempts: expected?.attempts,
            at: expected?.at,
          },
          name,
        );
        for (const event of events) await cache.jobs.tell([{ event, text: JSON.stringify(event) }]);
        t.strictSame(JSON.parse((await cache.jobs.find(id)) ?? ''), expected, name);
        t.equal(a && b && standing(a, b), expected, name);
      }
});

t.test('a letter that is put back waits again, unless its job is over by now', async (t) => {
  const find = async (id: string) => JSON.parse((await cache.jobs.find(id)) ?? '{}').state;
  for (const [state, expected] of [
    ['dead', 'queued'],
    [undefined, undefined],
  ] as const) {
    const id = randomUUID();
    const tell = (event: JobEvent) => ({ event, text: JSON.stringify(event) });
    if (state) await cache.jobs.tell([tell(eventOf(id, state, 1))]);
    await cache.jobs.again(tell(eventOf(id, 'queued', 2)));
    t.equal(await find(id), expected, `it was ${state}`);
  }
});

t.test('a page for each state, merged', async (t) => {
  const all = await listJobs(orm, {}, 1_000);
  t.equal(all.length, jobStates.length ** 2 * 3);
  const sorted = all.toSorted((a, b) => b.at - a.at || (a.job_id < b.job_id ? 1 : -1));
  t.strictSame(all, sorted);
  const some = await listJobs(orm, { state: 'dead' }, 1_000);
  t.ok(some.length > 0);
  t.ok(some.every(({ state }) => state === 'dead'));
});

t.test('pruning', async (t) => {
  t.equal(await alone((connection) => pruneJobs(connection, new Date(START))), 0);
  const [{ n } = { n: 0 }] = await stores.rows('SELECT COUNT(*) AS n FROM order_jobs WHERE changed_at < ?', [
    new Date(START + 5),
  ]);
  t.equal(await alone((connection) => pruneJobs(connection, new Date(START + 5))), n);
  t.ok(n > 0);
});

t.test('the journal takes any event, in rows that fit', async (t) => {
  const hostile = `it's "a" \\ 🦀 \u0000 ${'x'.repeat(20_000)}`;
  const texts = Array.from({ length: 30 }, (_, i) => JSON.stringify([i, hostile]));
  const events = texts.map((full) => ({ full, text: '' }));
  const statements = writeJournal(events, 100_000);
  t.ok(statements.length > 1);
  for (const statement of statements) t.ok(Buffer.byteLength(statement) <= 100_000);
  await addToJournal(orm, events);
  const rows = await stores.rows('SELECT body FROM order_journal ORDER BY seq');
  t.strictSame(
    rows.flatMap(({ body }) => JSON.parse(body).map((event: unknown) => JSON.stringify(event))),
    texts,
  );
  t.strictSame(readJobEvents(rows[0]?.body), [], 'and none of these is one');
  t.strictSame(readJobEvents('{'), []);
});

t.test('a server that takes little gets less of an event', async (t) => {
  const text = JSON.stringify({ job_id: 'a', error: "it's \\ long ".repeat(20) });
  const written = (maxBytes: number) => {
    const [statement = ''] = writeJournal(
      [{ text, full: `${text.slice(0, -1)},"order":"${'x'.repeat(2_000)}"}` }],
      maxBytes,
    );
    t.ok(statement.length <= maxBytes, `${statement.length} bytes of ${maxBytes}`);
    return statement.length;
  };
  const [much, less, little] = [written(16_000), written(1_500), written(500)];
  t.ok(much > less && less > little, `${much}, ${less}, ${little}`);
});

t.test('a process that is frozen does not hold a lock for hours', async (t) => {
  const [row] = await alone((connection) =>
    readRows<{ seconds: number }>(connection, sql`select @@wait_timeout as seconds`),
  );
  t.ok(row && row.seconds <= 60, `the server waits ${row?.seconds} s`);
});
