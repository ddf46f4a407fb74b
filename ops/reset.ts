/** `npm run reset`: removes all orders, as POST /admin/reset does, and asks before. `-- --yes` answers that. */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { addresses, environment, loadConfig } from '../process/config.ts';
import { adminApi } from './admin-api.ts';
import { CommandError, runCommand } from './command.ts';
import { outliveReaders } from './output.ts';

const saysYes = (args: string[]): boolean => {
  try {
    return parseArgs({ args, options: { yes: { type: 'boolean', default: false } } }).values.yes;
  } catch {
    throw new CommandError(`Not understood: ${args.join(' ')}. Usage: npm run reset [-- --yes].`, 2);
  }
};

/** @returns the answer; nothing after Ctrl-C or Ctrl-D */
const ask = async (question: string): Promise<string | undefined> => {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const closed = once(terminal, 'close').then(() => undefined);
  try {
    // It rejects on Ctrl-C, and never settles on Ctrl-D.
    return await Promise.race([terminal.question(question).catch(() => undefined), closed]);
  } finally {
    terminal.close();
  }
};

outliveReaders();
await runCommand(async () => {
  const isSure = saysYes(process.argv.slice(2));
  if (!isSure && !(process.stdin.isTTY && process.stdout.isTTY))
    throw new CommandError(
      'A reset removes all orders, and there is no terminal to ask on whether to: npm run reset -- --yes does it without asking.',
      2,
    );
  const config = loadConfig(environment());
  const api = adminApi(config);
  if (!isSure) {
    const orders = await api.count();
    const answer = await ask(
      `Remove all ${orders} orders of ${addresses(config).mysql}, and those that wait in the queue? [y/N] `,
    );
    if (!/^\s*y(es)?\s*$/i.test(answer ?? '')) throw new CommandError('Nothing was removed.');
  }
  await api.reset();
  console.log('All orders have been removed.');
});
