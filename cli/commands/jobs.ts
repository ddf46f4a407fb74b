/** `orders jobs get|wait|list`. */
import type { Command } from 'commander';
import { contextOf } from '../context.ts';
import { type Job, jobColumns, jobFields, jobPath, requireSuccess, waitForJob } from '../jobs.ts';
import { allOption, type Limited, limitOf, limitOption, timeoutOption, type Waited } from '../options.ts';
import { eachPage, nextInLink, nextPath, queryOf } from '../pages.ts';

interface ListOptions extends Limited {
  state?: string;
  type?: string;
  order?: string;
}

export const addJobCommands = (program: Command): void => {
  const jobs = program.command('jobs').description('what became of writes');

  jobs
    .command('get')
    .description('one job')
    .argument('<job>', 'its id, or its link, which is right even if Redis was emptied')
    .action(async (job: string, _options: object, command: Command) => {
      const { api, out } = contextOf(command);
      const { text, ...found } = await api.get<Job>(jobPath(job));
      await out.one(text, jobFields(found));
    });

  jobs
    .command('wait')
    .description(
      'wait until a job is over; ends with 6 if it is a dead letter, with 7 if it is not over in time',
    )
    .argument('<job>', 'its id or its link')
    .addOption(timeoutOption())
    .action(async (job: string, { timeout }: Waited, command: Command) => {
      const { api, out } = contextOf(command);
      const { text, ...found } = await waitForJob(api, jobPath(job), timeout);
      await out.one(text, jobFields(found));
      requireSuccess(found);
    });

  jobs
    .command('list')
    .description('jobs that ended, are dead letters or were replayed, those that changed last first')
    .option('-s, --state <state>', 'only those in this state; queued and retrying: those that wait')
    .option('--type <type>', 'only create_order, update_order_status or delete_order')
    .option('--order <order>', 'only those of this order')
    .addOption(limitOption())
    .addOption(allOption())
    .action(async (options: ListOptions, command: Command) => {
      const { api, out } = contextOf(command);
      const { state, type, order } = options;
      const list = out.list(jobColumns);
      const isMore = await eachPage<Job>(
        (limit) => `/jobs${queryOf({ limit, state, type, order_id: order })}`,
        limitOf(options),
        {
          read: async (path) => {
            const { headers, text } = await api.ask(path);
            const { jobs: rows } = JSON.parse(text) as { jobs: Job[] };
            return { rows, next: nextPath(path, nextInLink(headers.link)) };
          },
          show: list.add,
        },
      );
      await list.end();
      if (isMore && out.isTable) out.say('There may be more: --all shows all of them.');
    });
};
