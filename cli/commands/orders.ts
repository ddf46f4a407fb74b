/** `orders list|get|set|rm|history`. */
import type { Command } from 'commander';
import type { Order } from '../../domain/order.ts';
import { contextOf } from '../context.ts';
import { type Job, jobColumns } from '../jobs.ts';
import { allOption, type Limited, limitOf, limitOption, timeoutOption, type Waited } from '../options.ts';
import { eachPage, nextInLink, nextPath, queryOf } from '../pages.ts';
import type { Column } from '../table.ts';
import { tellAccepted } from '../writes.ts';

const itemsOf = ({ items }: Order): string[] => items.map(({ name, quantity }) => `${quantity} × ${name}`);

const orderColumns: Column<Order>[] = [
  { head: 'ORDER', of: ({ order_id }) => order_id },
  { head: 'STATUS', of: ({ status }) => status, style: () => 'cyan' },
  { head: 'CUSTOMER', of: ({ customer_name }) => customer_name },
  { head: 'ITEMS', of: (order) => itemsOf(order).join(', ') },
];

const pathOf = (orderId: string, rest = ''): string => `/orders/${encodeURIComponent(orderId)}${rest}`;
const MORE = 'There are more: --all shows all of them.';

interface ListOptions extends Limited {
  status?: string;
  customer?: string;
  after?: string;
}

export const addOrderCommands = (program: Command): void => {
  program
    .command('list')
    .description('orders that have reached MySQL, the one accepted last first')
    .option('-s, --status <status>', 'only those with this status')
    .option('-c, --customer <name>', "only those whose customer's name begins with this")
    .option('--after <order>', 'those after this order')
    .addOption(limitOption())
    .addOption(allOption())
    .action(async (options: ListOptions, command: Command) => {
      const { api, out } = contextOf(command);
      const { status, customer, after } = options;
      const list = out.list(orderColumns);
      const isMore = await eachPage<Order>(
        (limit) => `/orders${queryOf({ limit, after, status, customer_name: customer })}`,
        limitOf(options),
        {
          read: async (path) => {
            const { orders, next } = await api.get<{ orders: Order[]; next: string | null }>(path);
            return { rows: orders, next: nextPath(path, next) };
          },
          show: list.add,
        },
      );
      await list.end();
      if (isMore && out.isTable) out.say(MORE);
    });

  program
    .command('get')
    .description('one order, with what was accepted and is not applied yet')
    .argument('<order>', 'its id')
    .action(async (orderId: string, _options: object, command: Command) => {
      const { api, out } = contextOf(command);
      const { text, ...order } = await api.get<Order>(pathOf(orderId));
      await out.one(text, [
        ['order', order.order_id],
        ['customer', order.customer_name],
        ['status', order.status, 'cyan'],
        ['items', itemsOf(order)],
      ]);
    });

  program
    .command('set')
    .description('change the status of an order')
    .argument('<order>', 'its id')
    .argument('<status>', 'any words, 1 to 20 characters')
    .option('-w, --wait', 'wait until it is over')
    .addOption(timeoutOption())
    .action(async (orderId: string, status: string, options: Waited, command: Command) => {
      const context = contextOf(command);
      const body = JSON.stringify({ status });
      const answer = await context.api.ask(pathOf(orderId, '/status'), { method: 'PATCH', body });
      await tellAccepted(context, answer, options);
    });

  program
    .command('rm')
    .description('delete orders')
    .argument('<order...>', 'their ids')
    .option('-w, --wait', 'wait until it is over')
    .addOption(timeoutOption())
    .action(async (orderIds: string[], options: Waited, command: Command) => {
      const context = contextOf(command);
      const { api, out } = context;
      const which = orderIds.length === 1 ? `order ${orderIds[0]}` : `${orderIds.length} orders`;
      await out.confirm(`deletes ${which}`, () => `Delete ${which}?`);
      for (const orderId of orderIds)
        await tellAccepted(context, await api.ask(pathOf(orderId), { method: 'DELETE' }), options);
    });

  program
    .command('history')
    .description('each write to an order, newest first, also after its delete')
    .argument('<order>', 'its id')
    .addOption(limitOption())
    .addOption(allOption())
    .action(async (orderId: string, options: Limited, command: Command) => {
      const { api, out } = contextOf(command);
      const list = out.list(jobColumns);
      let isComplete = true;
      const isMore = await eachPage<Job>(
        (limit) => pathOf(orderId, `/history${queryOf({ limit })}`),
        limitOf(options),
        {
          read: async (path) => {
            const { headers, text } = await api.ask(path);
            const { entries, complete } = JSON.parse(text) as { entries: Job[]; complete: boolean };
            isComplete &&= complete;
            return { rows: entries, next: nextPath(path, nextInLink(headers.link)) };
          },
          show: list.add,
        },
      );
      await list.end();
      if (isMore && out.isTable) out.say(MORE);
      if (!isComplete) out.say('This may not be all: a write waits, or the hub is behind.');
    });
};
