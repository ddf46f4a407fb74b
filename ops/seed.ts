/** `npm run seed -- --count 1000`: fake orders, as POST /admin/seed makes them. */
import { parseArgs } from 'node:util';
import { environment, loadConfig } from '../process/config.ts';
import { adminApi } from './admin-api.ts';
import { CommandError, runCommand } from './command.ts';
import { outliveReaders } from './output.ts';

const MAX_COUNT = 100_000;
/** What the API makes in one transaction: after each the bar moves, and Ctrl-C counts. */
const CHUNK = 1_000;
const BAR = 40;

const countOf = (args: string[]): number => {
  const usage = (problem: string) =>
    new CommandError(`${problem} Usage: npm run seed -- --count 1000, an integer from 1 to ${MAX_COUNT}.`, 2);
  let text: string | undefined;
  try {
    text = parseArgs({ args, options: { count: { type: 'string' } } }).values.count;
  } catch {
    throw usage(`Not understood: ${args.join(' ')}.`);
  }
  if (text === undefined) throw usage('--count is missing.');
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MAX_COUNT) throw usage(`--count is ${JSON.stringify(text)}.`);
  return count;
};

/** A bar on a terminal, and nothing elsewhere. */
const showProgress = (made: number, count: number): void => {
  if (!process.stderr.isTTY) return;
  const full = Math.floor((made / count) * BAR);
  const end = made === count ? '\n' : '';
  process.stderr.write(`\r[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${made} of ${count}${end}`);
};

outliveReaders();
await runCommand(async () => {
  const count = countOf(process.argv.slice(2));
  const api = adminApi(loadConfig(environment()));
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      interrupted = true;
    });

  let made = 0;
  showProgress(made, count);
  while (made < count && !interrupted) {
    const size = Math.min(CHUNK, count - made);
    await api.seed(size).catch((error: Error) => {
      if (made === 0) throw error;
      throw new CommandError(`${error.message} Before that, ${made} of ${count} fake orders were seeded.`);
    });
    made += size;
    showProgress(made, count);
  }
  if (made < count) throw new CommandError(`Interrupted: ${made} of ${count} fake orders were seeded.`, 130);
  console.log(`Seeded ${count} fake orders.`);
});
