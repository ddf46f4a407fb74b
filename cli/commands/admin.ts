/** `orders seed|reset`. */
import type { Command } from 'commander';
import { contextOf } from '../context.ts';
import { CommandError } from '../exit.ts';
import { integer } from '../options.ts';
import { showProgress } from '../progress.ts';

const MAX_COUNT = 100_000;
/** What the API makes in one transaction: after each the bar moves, and Ctrl-C counts. */
const CHUNK = 1_000;

export const addAdminCommands = (program: Command): void => {
  program
    .command('seed')
    .description('add fake orders')
    .requiredOption('--count <number>', `how many, 1 to ${MAX_COUNT}`, integer(1, MAX_COUNT))
    .action(async ({ count }: { count: number }, command: Command) => {
      const { api, out } = contextOf(command);
      let interrupted = false;
      for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.on(signal, () => {
          interrupted = true;
        });
      let made = 0;
      showProgress(made, count);
      while (made < count && !interrupted) {
        const size = Math.min(CHUNK, count - made);
        const body = JSON.stringify({ count: size });
        await api
          .ask('/admin/seed', { method: 'POST', body, admin: true, withinMs: 0 })
          .catch((error: Error) => {
            if (made > 0) out.say(`Before that, ${made} of ${count} fake orders were seeded.`);
            throw error;
          });
        made += size;
        showProgress(made, count);
      }
      if (made < count)
        throw new CommandError(`Interrupted: ${made} of ${count} fake orders were seeded.`, 'interrupted');
      await out.done({ seeded: count }, `Seeded ${count} fake orders.`);
    });

  program
    .command('reset')
    .description('remove all orders, and those that wait in the queue')
    .action(async (_options: object, command: Command) => {
      const { api, out } = contextOf(command);
      await out.confirm('removes all orders', async () => {
        const { total_orders } = await api.get<{ total_orders: number }>('/orders?limit=1');
        return `Remove all ${total_orders} orders of ${api.url}, and those that wait in the queue?`;
      });
      const { text } = await api.ask('/admin/reset', { method: 'POST', admin: true, withinMs: 0 });
      await out.done(JSON.parse(text), 'All orders have been removed.');
    });
};
