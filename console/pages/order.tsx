/** One order: what it is now, and every write to it. */
import { useEffect, useState } from 'preact/hooks';
import type { Job } from '../../api/jobs/answers.ts';
import type { Order } from '../../domain/order.ts';
import { Confirm } from '../parts/dialog.tsx';
import { Age, Empty, Fact, Page, Shown } from '../parts/frame.tsx';
import { Icon } from '../parts/icons.tsx';
import { State, typeOf } from '../parts/state.tsx';
import { call, callFully, Failure, nextIn } from '../state/calls.ts';
import { useConsole, useMayWrite } from '../state/console.ts';
import { useEvents } from '../state/events.ts';
import { useResource } from '../state/resources.ts';
import { linkTo } from '../state/route.ts';
import { count, duration, timeOfId, utc } from '../state/times.ts';
import { isOver } from '../state/writes.ts';

interface History {
  entries: Job[];
  complete: boolean;
  /** Where older writes are. */
  next: string | undefined;
}
interface Seen {
  /** Undefined if there is none: it is deleted, or never was. */
  order: Order | undefined;
  /** Undefined if it cannot be known at the moment; `problem` says why. */
  history: History | undefined;
  problem: string | undefined;
}

const MOST_WRITES = '100';
/** How often it is asked again while something may be missing. */
const LOOK_MS = 3_000;

const orderOf = async (id: string, signal: AbortSignal): Promise<Order | undefined> => {
  try {
    return await call<Order>(`orders/${encodeURIComponent(id)}`, { signal });
  } catch (error) {
    if (error instanceof Failure && error.kind === 'missing') return undefined;
    throw error;
  }
};
const historyOf = async (id: string, query: string, signal?: AbortSignal): Promise<History> => {
  const { value, headers } = await callFully<Omit<History, 'next'>>(
    `orders/${encodeURIComponent(id)}/history?${query}`,
    { signal },
  );
  return { ...value, next: nextIn(headers)?.toString() };
};

const load =
  (id: string) =>
  async (signal: AbortSignal): Promise<Seen> => {
    // MySQL alone has the history; the order may still be known without it.
    const history = historyOf(id, `limit=${MOST_WRITES}`, signal).catch((error: unknown) => {
      if (error instanceof Failure && error.kind === 'away') return error;
      throw error;
    });
    const [order, found] = await Promise.all([orderOf(id, signal), history]);
    return found instanceof Failure
      ? { order, history: undefined, problem: found.message }
      : { order, history: found, problem: undefined };
  };

/** What is known of a write: of those made in this tab that, too, which is not in the history yet. */
const together = (entries: Job[], own: Job[]): Job[] => {
  const known = new Set(entries.map(({ job_id }) => job_id));
  return [...own.filter(({ job_id }) => !known.has(job_id)), ...entries];
};

const took = ({ accepted_at, finished_at }: Job): string =>
  accepted_at && finished_at ? duration(Date.parse(finished_at) - Date.parse(accepted_at)) : '–';

export const Timeline = ({ jobs }: { jobs: Job[] }) => (
  <table class="stack">
    <thead>
      <tr>
        <th scope="col">Write</th>
        <th scope="col">State</th>
        <th scope="col">Accepted (UTC)</th>
        <th scope="col" class="figure">
          Took
        </th>
        <th scope="col" class="figure">
          Tries
        </th>
        <th scope="col">Job</th>
      </tr>
    </thead>
    <tbody>
      {jobs.map((job) => (
        <tr key={job.job_id}>
          <th scope="row">{typeOf(job.job_type)}</th>
          <td data-name="State">
            <State status={job.status} />
            {job.reason && <small class="why">{job.reason}</small>}
          </td>
          <td data-name="Accepted (UTC)" class="moment">
            {utc(job.accepted_at)}
          </td>
          <td data-name="Took" class="figure">
            {took(job)}
          </td>
          <td data-name="Tries" class="figure">
            {count(job.attempts)}
          </td>
          <td data-name="Job">
            <a class="id" href={linkTo(['jobs', job.job_id])}>
              {job.job_id}
            </a>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

const Change = ({ id, status }: { id: string; status: string }) => {
  const { writes, notices } = useConsole();
  const [value, setValue] = useState('');
  const [problem, setProblem] = useState<string>();
  const [asks, setAsks] = useState(false);
  const [busy, setBusy] = useState(false);
  const send = async (work: () => Promise<unknown>, done: string): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
      notices.say(done);
      setValue('');
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  const path = `orders/${id}`;
  return (
    <section aria-labelledby="change" class="panel">
      <h2 id="change">Change</h2>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          void send(
            () => writes.send('PATCH', `${path}/status`, { status: value }),
            'The new status is accepted and waits to be applied.',
          );
        }}
      >
        <label>
          New status
          <input
            required
            maxLength={20}
            value={value}
            placeholder={status}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <button type="submit" disabled={busy}>
          Set status
        </button>
        <button type="button" class="danger" disabled={busy} onClick={() => setAsks(true)}>
          <Icon name="bin" />
          Delete…
        </button>
      </form>
      {problem && (
        <p class="banner bad" role="alert">
          <Icon name="warn" />
          {problem}
        </p>
      )}
      {asks && (
        <Confirm
          title="Delete this order?"
          action="Delete the order"
          onNo={() => setAsks(false)}
          onYes={() => {
            setAsks(false);
            void send(() => writes.send('DELETE', path), 'The delete is accepted and waits to be applied.');
          }}
        >
          <p>
            Order <span class="id">{id}</span> is deleted for good once the write is applied. Its history
            stays.
          </p>
        </Confirm>
      )}
    </section>
  );
};

export const OrderPage = ({ id }: { id: string }) => {
  const { resources, changes, writes } = useConsole();
  const mayWrite = useMayWrite();
  const seen = useResource(resources, `order ${id}`, load(id));
  const [older, setOlder] = useState<{ id: string; jobs: Job[]; next: string | undefined }>();
  const own = writes.writes.value.map(({ job }) => job).filter(({ order_id }) => order_id === id);
  const changed = changes.orders.value;
  useEffect(() => {
    if (changed > 0) void seen.refresh();
  }, [changed, seen]);
  useEvents(`orders/${encodeURIComponent(id)}/events`, seen.refresh);
  const { data } = seen.known.value;
  const isComplete = data?.history?.complete;
  useEffect(() => {
    if (isComplete !== false) return undefined;
    const looking = setInterval(() => document.visibilityState === 'visible' && void seen.refresh(), LOOK_MS);
    return () => clearInterval(looking);
  }, [isComplete, seen]);
  const order = data?.order;
  const more = older?.id === id ? older : undefined;
  return (
    <Page title={order ? `Order of ${order.customer_name}` : 'Order'} tools={<Age of={seen} />}>
      <Shown of={seen}>
        {({ order, history, problem }) => {
          const jobs = together(history?.entries ?? [], own);
          const next = more ? more.next : history?.next;
          return (
            <>
              {order === undefined && (
                <Empty>
                  {jobs.length > 0
                    ? 'This order is deleted. Its history is below.'
                    : `There is no order ${id}.`}
                </Empty>
              )}
              <dl class="facts">
                <Fact name="Order">
                  <span class="id">{id}</span>
                </Fact>
                {order && (
                  <>
                    <Fact name="Customer">{order.customer_name}</Fact>
                    <Fact name="Status">{order.status}</Fact>
                    <Fact name="Made (UTC)">{utc(timeOfId(id))}</Fact>
                    <Fact name={`Items (${count(order.items.length)})`}>
                      <ul class="items">
                        {order.items.map(({ name, quantity }, index) => (
                          <li key={index}>
                            {count(quantity)} × {name}
                          </li>
                        ))}
                      </ul>
                    </Fact>
                  </>
                )}
              </dl>
              {mayWrite && order && <Change id={id} status={order.status} />}
              <section aria-labelledby="writes">
                <h2 id="writes">Writes, the newest first</h2>
                {problem && (
                  <p class="banner bad" role="alert">
                    <Icon name="warn" />
                    The history cannot be read at the moment: {problem}
                  </p>
                )}
                {history && !history.complete && jobs.every(isOver) && (
                  <p class="faint">
                    The hub has not passed on everything yet: the latest writes may be missing. Looking again…
                  </p>
                )}
                {jobs.length === 0 && history && <Empty>No write to this order is known.</Empty>}
                {jobs.length > 0 && <Timeline jobs={[...jobs, ...(more?.jobs ?? [])]} />}
                {next && (
                  <button
                    type="button"
                    onClick={async () => {
                      const page = await historyOf(id, next).catch(() => undefined);
                      if (page)
                        setOlder({ id, jobs: [...(more?.jobs ?? []), ...page.entries], next: page.next });
                    }}
                  >
                    Show older writes
                  </button>
                )}
              </section>
            </>
          );
        }}
      </Shown>
    </Page>
  );
};
