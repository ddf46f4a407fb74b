/** `orders dead list|show|replay|discard`. */
import { type Command, Option } from 'commander';
import { type Context, contextOf } from '../context.ts';
import type { DeadLetter, Letters } from '../dead-letters/letters.ts';
import { lettersOfApi } from '../dead-letters/over-http.ts';
import { CommandError } from '../exit.ts';
import { reasonOf } from '../jobs.ts';
import { allOption, integer, type Limited, limitOf, limitOption } from '../options.ts';
import type { Column } from '../table.ts';

interface DirectOption {
  direct?: true;
}
interface ChosenOptions extends DirectOption {
  all?: true;
}

const columns: Column<DeadLetter>[] = [
  { head: 'JOB', of: ({ job_id }) => job_id },
  { head: 'TYPE', of: ({ job_type }) => job_type },
  { head: 'ORDER', of: ({ order_id }) => order_id },
  { head: 'TRIED', of: ({ attempts }) => attempts, right: true },
  { head: 'FAILED LAST', of: ({ last_failed_at }) => last_failed_at },
  { head: 'REASON', of: reasonOf, style: () => 'red' },
];

/** A page of letters, whose ids can be named in one request. */
const NAMED = 1_000;

const directOption = () =>
  new Option(
    '--direct',
    'ask RabbitMQ itself, with the settings of the service, as when the API does not run',
  );

/** @param run gets the letters, over whichever way was chosen */
const withLetters = async (
  command: Command,
  run: (letters: Letters, context: Context) => Promise<void>,
): Promise<void> => {
  const context = contextOf(command);
  const { direct } = command.opts<DirectOption>();
  // Loaded only for who wants it: the libraries for three servers take longer than a request.
  const letters = direct
    ? await (await import('../dead-letters/in-queue.ts')).lettersInQueue()
    : lettersOfApi(context.api);
  try {
    await run(letters, context);
  } finally {
    await letters.close();
  }
};

/** Which letters are chosen, in words and by their ids; without ids all, also those that come meanwhile. */
interface Choice {
  words: string;
  jobIds?: string[];
}

/** All that are there now, as far as they can be named. */
const allOf = async (letters: Letters): Promise<Choice> => {
  const jobIds: (string | null)[] = [];
  const total = await letters.each({ offset: 0, limit: NAMED }, async (page) => {
    jobIds.push(...page.map(({ job_id }) => job_id));
  });
  const named = jobIds.filter((id) => id !== null);
  return total === named.length
    ? { words: `all ${total} dead letters`, jobIds: named }
    : { words: `all dead letters, ${total} at present, and those that come meanwhile` };
};

const handle = async (
  what: 'replay' | 'discard',
  { jobIds, all, command }: { jobIds: string[]; all: boolean; command: Command },
): Promise<void> => {
  if (all === jobIds.length > 0)
    throw new CommandError(`Give the ids of the jobs to ${what}, or --all for all of them.`, 'usage');
  await withLetters(command, async (letters, { out }) => {
    let chosen = all ? undefined : jobIds;
    if (what === 'discard')
      await out.confirm('discards dead letters', async () => {
        const choice = all
          ? await allOf(letters)
          : { words: `the dead letters of ${jobIds.length} jobs`, jobIds };
        chosen = choice.jobIds;
        return `Discard ${choice.words}? Their writes are lost then.`;
      });
    // The question was about none: then all would be others.
    const count = chosen?.length === 0 ? 0 : await letters[what](chosen);
    const done = what === 'replay' ? 'Replayed' : 'Discarded';
    await out.done({ [done.toLowerCase()]: count }, `${done} ${count} dead letters.`);
  });
};

const bodyOf = ({ body, body_bytes }: DeadLetter): string =>
  Buffer.byteLength(body) < body_bytes ? `${body}… (${body_bytes} bytes)` : body;

export const addDeadCommands = (program: Command): void => {
  const dead = program.command('dead').description('jobs that could not be applied');

  dead
    .command('list')
    .description('dead letters, oldest first')
    .option('--offset <number>', 'how many to skip', integer(0, 1_000_000), 0)
    .addOption(limitOption())
    .addOption(allOption())
    .addOption(directOption())
    .action((options: Limited & { offset: number }, command: Command) =>
      withLetters(command, async (letters, { out }) => {
        const list = out.list(columns);
        let shown = 0;
        const range = { offset: options.offset, limit: limitOf(options) };
        const total = await letters.each(range, async (page) => {
          shown += page.length;
          await list.add(page);
        });
        await list.end();
        const rest = total - options.offset - shown;
        if (rest > 0 && out.isTable) out.say(`There are ${rest} more: --all shows all of them.`);
      }),
    );

  dead
    .command('show')
    .description('one dead letter, with its body as it came')
    .argument('<job>', 'the id of its job')
    .addOption(directOption())
    .action((jobId: string, _options: object, command: Command) =>
      withLetters(command, async (letters, { out }) => {
        let found: DeadLetter | undefined;
        await letters.each({ offset: 0, limit: Number.POSITIVE_INFINITY }, async (page) => {
          found ??= page.find(({ job_id }) => job_id === jobId);
        });
        if (!found) throw new CommandError(`There is no dead letter of the job ${jobId}.`);
        await out.one(found, [
          ['job', found.job_id],
          ['type', found.job_type],
          ['order', found.order_id],
          ['reason', found.reason, 'red'],
          ['error', found.error],
          ['attempts', found.attempts],
          ['first failed at', found.first_failed_at],
          ['last failed at', found.last_failed_at],
          ['queue', found.queue],
          ['request', found.request_id],
          ['body', bodyOf(found)],
        ]);
      }),
    );

  for (const [what, does] of [
    ['replay', 'put dead letters back on the queue, as if they came for the first time'],
    ['discard', 'throw dead letters away'],
  ] as const)
    dead
      .command(what)
      .description(does)
      .argument('[job...]', 'the ids of their jobs')
      .option('-a, --all', 'all of them')
      .addOption(directOption())
      .action((jobIds: string[], { all }: ChosenOptions, command: Command) =>
        handle(what, { jobIds, all: all === true, command }),
      );
};
