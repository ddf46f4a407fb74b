/** Those who are told of jobs as things happen to them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../../testbed/until.ts';
import { openSource, type Received, type Source } from '../../helpers/sse.ts';
import { drain, repeat } from '../engine/faults.ts';
import type { Context, Scenario } from '../engine/scenario.ts';

const HEARS_WITHIN_MS = 30_000;

const acceptedJobs = ({ load }: Context): string[] =>
  load.history.flatMap(({ writes }) =>
    writes.flatMap(({ outcome, jobId }) => (outcome === 'accepted' && jobId ? [jobId] : [])),
  );

/** What is wrong with all that a reader heard. */
const problemsOf = ({ load }: Context, heard: Received[]): string[] => {
  const gaps = heard.filter(({ event }) => event === 'gap').map(() => 'the reader was told of a gap');
  const ids = new Set<string | undefined>();
  const again = heard
    .filter(({ event, id }) => event === 'message' && ids.size === ids.add(id).size)
    .map(({ id }) => `event ${id} came twice`);
  const places = new Map<string | undefined, number>();
  for (const [n, { data }] of heard.entries())
    if (data.status === 'succeeded' && !places.has(data.job_id)) places.set(data.job_id, n);
  const misordered = load.history.flatMap(({ id, writes }) => {
    const order = writes.flatMap(({ jobId }) => places.get(jobId) ?? []);
    return order.every((place, n) => n === 0 || place > (order[n - 1] ?? 0))
      ? []
      : [`events of order ${id} are misordered`];
  });
  return [...gaps, ...again, ...misordered];
};

export const readerScenarios: Scenario[] = [
  {
    number: 33,
    title: 'a reader of events that falls behind and goes on at another API',
    faults: async (context) => {
      const { world, load, random, fail } = context;
      const sources: Source[] = [];
      const heard = () => sources.flatMap(({ events }) => events);
      // They are closed below.
      const open = (lastId?: string) =>
        openSource(
          { teardown: () => {} },
          `${world.urls[sources.length % world.urls.length]}/events`,
          lastId,
        );
      await load.pause();
      const before = new Set(acceptedJobs(context));
      let source = await open();
      sources.push(source);
      load.resume();
      /** Jobs that are accepted and of whose end the reader has not heard. */
      const unheard = () => {
        const over = heard().filter(({ data }) => data.status !== 'retrying' && data.status !== 'queued');
        const known = new Set([...before, ...over.map(({ data }) => data.job_id)]);
        return acceptedJobs(context).filter((jobId) => !known.has(jobId));
      };
      try {
        await repeat(3, context, async () => {
          await sleep(random.integer(300, 1_000));
          // What comes now stays unread, until the service cuts the reader off or the reader gives up.
          source.pause();
          await sleep(random.integer(300, 1_500));
          source.close();
          source = await open(source.lastId());
          sources.push(source);
        });
        await load.pause();
        await drain(context);
        await until('the reader has heard of all', () => unheard().length === 0, HEARS_WITHIN_MS).catch(() =>
          fail(`the reader never heard of the end of ${unheard()}`),
        );
      } finally {
        source.close();
        load.resume();
      }
      for (const problem of problemsOf(context, heard()).slice(0, 10)) fail(problem);
      if (sources.every(({ events }) => events.length === 0)) fail('nothing was heard');
    },
  },
];
