/** One job: in which state it is, why, and when it is tried again. */
import { useEffect } from 'preact/hooks';
import type { Job } from '../../api/jobs/answers.ts';
import { Age, Empty, Fact, Page, Shown } from '../parts/frame.tsx';
import { Picture } from '../parts/picture.tsx';
import { meaningOf, State, typeOf } from '../parts/state.tsx';
import { call, Failure } from '../state/calls.ts';
import { useConsole } from '../state/console.ts';
import { useEvents } from '../state/events.ts';
import { useResource } from '../state/resources.ts';
import { linkTo } from '../state/route.ts';
import { count, duration, utc } from '../state/times.ts';
import { isOver } from '../state/writes.ts';

/** Undefined if there is no such job. */
const load =
  (path: string) =>
  async (signal: AbortSignal): Promise<Job | null> => {
    try {
      return await call<Job>(path, { signal });
    } catch (error) {
      if (error instanceof Failure && error.kind === 'missing') return null;
      throw error;
    }
  };

const Next = ({ at }: { at: string }) => {
  const { clock } = useConsole();
  const ms = Date.parse(at) - clock.value;
  return (
    <>
      {utc(at)} UTC <small>{ms > 0 ? `in ${duration(Math.ceil(ms / 1_000) * 1_000)}` : 'any moment'}</small>
    </>
  );
};

const Facts = ({ job }: { job: Job }) => (
  <dl class="facts">
    <Fact name="State">
      <State status={job.status} /> <small>{meaningOf(job.status)}</small>
    </Fact>
    {job.reason && (
      <Fact name="Why">
        <b>{job.reason}</b>
        {job.error && <p>{job.error}</p>}
      </Fact>
    )}
    {job.next_try_at && (
      <Fact name="Next try">
        <Next at={job.next_try_at} />
      </Fact>
    )}
    <Fact name="Write">{typeOf(job.job_type)}</Fact>
    <Fact name="Order">
      {job.order_id ? (
        <a class="id" href={linkTo(['orders', job.order_id])}>
          {job.order_id}
        </a>
      ) : (
        'not known'
      )}
    </Fact>
    <Fact name="Tries">{count(job.attempts)}</Fact>
    <Fact name="Accepted (UTC)">{utc(job.accepted_at)}</Fact>
    <Fact name="Over (UTC)">
      {utc(job.finished_at)}{' '}
      {job.accepted_at && job.finished_at && (
        <small>after {duration(Date.parse(job.finished_at) - Date.parse(job.accepted_at))}</small>
      )}
    </Fact>
    <Fact name="Request">{job.request_id ? <span class="id">{job.request_id}</span> : 'not known'}</Fact>
    <Fact name="Job">
      <span class="id">{job.job_id}</span>
    </Fact>
  </dl>
);

export const JobPage = ({ id }: { id: string }) => {
  const { resources, writes, changes } = useConsole();
  // The link of a write that was made here tells of its job for longer than the id alone.
  const own = writes.writes.peek().find(({ job }) => job.job_id === id);
  const path = own?.link ?? `jobs/${encodeURIComponent(id)}`;
  const seen = useResource(resources, `job ${id}`, load(path));
  const changed = changes.letters.value;
  useEffect(() => {
    if (changed > 0) void seen.refresh();
  }, [changed, seen]);
  // A dead letter that is replayed goes on.
  const { data } = seen.known.value;
  const isPassing = data === undefined || (data !== null && !isOver(data));
  useEvents(isPassing ? path.replace(/^(jobs\/[^?]+)/, '$1/events') : undefined, seen.refresh);
  return (
    <Page title="Job" tools={<Age of={seen} />}>
      <Shown of={seen}>
        {(job) =>
          job === null ? (
            <Empty>There is no job {id}, or none that is still remembered.</Empty>
          ) : (
            <div class="beside">
              <Facts job={job} />
              <Picture status={job.status} />
            </div>
          )
        }
      </Shown>
    </Page>
  );
};
