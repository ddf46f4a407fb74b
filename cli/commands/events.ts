/** `orders events tail`. */
import type { Command } from 'commander';
import { contextOf, untilInterrupted } from '../context.ts';
import { CommandError } from '../exit.ts';
import { type Job, jobPath, reasonOf, styleOf } from '../jobs.ts';
import { integer } from '../options.ts';
import { queryOf } from '../pages.ts';
import { events } from '../sse.ts';
import type { Column } from '../table.ts';

/** Ids and words have known lengths, so that lines that come one by one stand below each other. */
const wide = (text: string | null, width: number) => (text ?? '-').padEnd(width);
const columns: Column<Job>[] = [
  { head: 'AT', of: ({ finished_at, accepted_at }) => wide(finished_at ?? accepted_at, 24) },
  { head: 'STATUS', of: ({ status }) => wide(status, 10), style: ({ status }) => styleOf(status) },
  { head: 'TYPE', of: ({ job_type }) => wide(job_type, 19) },
  { head: 'JOB', of: ({ job_id }) => wide(job_id, 36) },
  { head: 'ORDER', of: ({ order_id }) => wide(order_id, 36) },
  { head: 'REASON', of: reasonOf },
];

interface TailOptions {
  type?: string;
  order?: string;
  job?: string;
  count?: number;
}

/** @throws CommandError if more than one of them is asked for */
const pathOf = ({ type, order, job }: TailOptions): string => {
  if ([type, order, job].filter((one) => one !== undefined).length > 1)
    throw new CommandError('Give one of --type, --order and --job.', 'usage');
  if (order !== undefined) return `/orders/${encodeURIComponent(order)}/events`;
  if (job === undefined) return `/events${queryOf({ type })}`;
  const [path = '', query] = jobPath(job).split('?');
  return `${path}/events${query ? `?${query}` : ''}`;
};

export const addEventCommands = (program: Command): void => {
  program
    .command('events')
    .description('what happens to jobs, as it happens')
    .command('tail')
    .description('show it until Ctrl-C; as JSON, one event a line')
    .option('--type <types>', 'only of these types: create_order,update_order_status,delete_order')
    .option('--order <order>', 'only of this order')
    .option('--job <job>', 'only of this job: its state, and each further one until it is over')
    .option('-n, --count <number>', 'end after so many events', integer(1, 1_000_000_000))
    .action(async (options: TailOptions, command: Command) => {
      const { api, out } = contextOf(command);
      const signal = untilInterrupted();
      const list = out.list<Job>(columns, { endless: true });
      let left = options.count ?? Number.POSITIVE_INFINITY;
      const lost = (why: string) => out.say(`The connection was lost, and is tried again: ${why}`);
      for await (const { event, data } of events(api, pathOf(options), lost, signal)) {
        if (event === 'message') {
          await list.add([JSON.parse(data) as Job]);
          if (--left === 0) break;
        } else if (event === 'gap') out.say(`Some of what happened is not told here: ${data}`);
        else if (event === 'degraded')
          out.say('Redis tells nothing: what happens is heard later, and not all of it.');
        else if (event === 'recovered') out.say('Redis tells again what happens.');
      }
    });
};
