/** Jobs by state and type, page by page. */
import type { Job } from '../../api/jobs/answers.ts';
import { Age, Empty, Page, Shown } from '../parts/frame.tsx';
import { State, typeOf } from '../parts/state.tsx';
import { callFully, nextIn } from '../state/calls.ts';
import { useConsole } from '../state/console.ts';
import { jobStates } from '../state/job-states.ts';
import { useResource } from '../state/resources.ts';
import { linkTo } from '../state/route.ts';
import { count, utc } from '../state/times.ts';

const PAGE = '50';
const types = ['create_order', 'update_order_status', 'delete_order'];

const Choice = ({
  name,
  label,
  all,
  values,
}: {
  name: string;
  label: string;
  all: string;
  values: readonly string[];
}) => {
  const { routing } = useConsole();
  return (
    <label>
      {label}
      <select
        value={routing.route.value.query.get(name) ?? ''}
        onChange={(event) => routing.change({ [name]: event.currentTarget.value, after: undefined })}
      >
        <option value="">{all}</option>
        {values.map((value) => (
          <option key={value} value={value}>
            {name === 'type' ? typeOf(value) : value}
          </option>
        ))}
      </select>
    </label>
  );
};

export const JobsPage = () => {
  const { resources, routing } = useConsole();
  const { query } = routing.route.value;
  const asked = new URLSearchParams({ limit: PAGE });
  for (const name of ['state', 'type', 'after']) {
    const value = query.get(name);
    if (value) asked.set(name, value);
  }
  const found = useResource(resources, `jobs?${asked}`, async (signal) => {
    const { value, headers } = await callFully<{ jobs: Job[] }>(`jobs?${asked}`, { signal });
    return { jobs: value.jobs, next: nextIn(headers)?.get('after') ?? undefined };
  });
  return (
    <Page title="Jobs" tools={<Age of={found} />}>
      <div class="filters">
        <Choice name="state" label="State" all="over, dead or replayed" values={jobStates} />
        <Choice name="type" label="Write" all="all" values={types} />
      </div>
      <Shown of={found}>
        {({ jobs, next }) => (
          <>
            {jobs.length === 0 && (
              <Empty>
                {next ? 'There are none on this page, but perhaps on the next.' : 'There are no such jobs.'}
              </Empty>
            )}
            {jobs.length > 0 && (
              <table class="stack">
                <thead>
                  <tr>
                    <th scope="col">Job</th>
                    <th scope="col">Write</th>
                    <th scope="col">State</th>
                    <th scope="col" class="figure">
                      Tries
                    </th>
                    <th scope="col">Accepted (UTC)</th>
                    <th scope="col">Over (UTC)</th>
                  </tr>
                </thead>
                <tbody>
                  {jobs.map((job) => (
                    <tr key={job.job_id}>
                      <th scope="row">
                        <a class="id" href={linkTo(['jobs', job.job_id])}>
                          {job.job_id}
                        </a>
                      </th>
                      <td data-name="Write">{typeOf(job.job_type)}</td>
                      <td data-name="State">
                        <State status={job.status} />
                        {job.reason && <small class="why">{job.reason}</small>}
                      </td>
                      <td data-name="Tries" class="figure">
                        {count(job.attempts)}
                      </td>
                      <td data-name="Accepted (UTC)" class="moment">
                        {utc(job.accepted_at)}
                      </td>
                      <td data-name="Over (UTC)" class="moment">
                        {utc(job.finished_at)}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
            <nav class="pages" aria-label="Pages">
              <span>The one that changed last first; those that wait in no order</span>
              {query.has('after') && (
                <button type="button" onClick={() => routing.change({ after: undefined })}>
                  First page
                </button>
              )}
              {next && (
                <button
                  type="button"
                  onClick={() => {
                    routing.change({ after: next });
                    scrollTo(0, 0);
                  }}
                >
                  Next page
                </button>
              )}
            </nav>
          </>
        )}
      </Shown>
    </Page>
  );
};
