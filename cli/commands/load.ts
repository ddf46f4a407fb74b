/** `orders load`: users who do what those of test/locustfile.py do. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { contextOf, untilInterrupted } from '../context.ts';
import { CommandError } from '../exit.ts';
import { reportOf } from '../load/report.ts';
import { startRun } from '../load/run.ts';
import { failuresTable, percentilesTable, statisticsTable } from '../load/tables.ts';
import { integer, number, seconds, serverUrl } from '../options.ts';

interface Options {
  users: number;
  spawnRate: number;
  time: number;
  host?: string;
  html: string;
  allowRemote?: true;
}

const SHOWN_EVERY_MS = 2_000;
/** Where nobody watches a terminal, a log would be full of tables. */
const TOLD_EVERY_MS = 10_000;

const isLoopback = (url: URL): boolean =>
  ['localhost', '[::1]'].includes(url.hostname) || /^127(\.\d+){3}$/.test(url.hostname);

/** Shows lines in the place of those before on a terminal, and below them elsewhere. */
const shower = () => {
  let before = 0;
  return (lines: string[]): void => {
    const { isTTY, rows = 0 } = process.stderr;
    const up = isTTY && before > 0 && before < rows ? `\u001b[${before}A\u001b[J` : '';
    process.stderr.write(`${up}${lines.join('\n')}\n`);
    before = lines.length;
  };
};

const writeReport = (file: string, html: string): void => {
  try {
    writeFileSync(file, html);
  } catch (error) {
    throw new CommandError(
      `The report cannot be written: ${error instanceof Error ? error.message : error}.`,
    );
  }
};

export const addLoadCommand = (program: Command): void => {
  program
    .command('load')
    .description(
      'users who list, create, read, change and delete orders, and check what they read; ends with 1 if anything failed',
    )
    .option('-u, --users <number>', 'how many', integer(1, 100_000), 100)
    .option('-r, --spawn-rate <number>', 'how many begin in a second', number(0.01, 100_000), 10)
    .option('-t, --time <seconds>', 'how long, such as 60s or 5m', seconds(1, 86_400), 60)
    .option('-H, --host <url>', 'where the API is; the same as --url', serverUrl)
    .option('--html <file>', 'where the report is written', 'load.html')
    .option('--allow-remote', 'also against an API on another machine')
    .action(async ({ users, spawnRate, time, host, html, allowRemote }: Options, command: Command) => {
      const { base: url, out } = contextOf(command, host);
      if (!isLoopback(url) && !allowRemote)
        throw new CommandError(
          `${url.hostname} is not this machine: with --allow-remote the load is put on it all the same.`,
          'usage',
        );
      const run = startRun({ url, users, spawnRate, seconds: time }, untilInterrupted());
      const show = shower();
      const shown = () =>
        show(['', `${run.users()} of ${users} users`, ...statisticsTable(run.statistics.shown())]);
      const showing = setInterval(shown, process.stderr.isTTY ? SHOWN_EVERY_MS : TOLD_EVERY_MS);
      const took = await run.done.finally(() => clearInterval(showing));

      const result = run.statistics.shown(took);
      const about = `${users} users, ${spawnRate} more a second, for ${took.toFixed(1)} s against ${url.origin}, until ${new Date().toISOString()}.`;
      writeReport(html, reportOf(about, result, run.statistics.samples));
      const tables = [statisticsTable(result), percentilesTable(result), failuresTable(result)];
      await out.text(
        tables.flatMap((lines) => ['', ...lines]),
        {
          seconds: took,
          kinds: [...result.kinds, result.all].map(({ percentile, ...kind }) => ({
            ...kind,
            median: percentile(50),
            p95: percentile(95),
            p99: percentile(99),
          })),
          failures: result.failures,
        },
      );
      out.say(`The report is in ${html}.`);
      if (result.all.requests === 0) throw new CommandError('No request was made.');
      if (result.all.failures > 0) throw new CommandError(`${result.all.failures} requests failed.`);
    });
};
