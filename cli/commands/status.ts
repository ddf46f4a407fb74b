/** `orders status|watch`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Api } from '../api.ts';
import { contextOf, untilInterrupted } from '../context.ts';
import { CommandError } from '../exit.ts';
import type { Job } from '../jobs.ts';
import { seconds } from '../options.ts';
import { events } from '../sse.ts';
import type { Column, Style } from '../table.ts';

interface Check {
  ok: boolean;
  ms: number;
  reason?: string;
}
interface Health {
  status: string;
  accepting: string;
  reading: string;
  applying: string;
  mysql: Check;
  redis?: Check;
  rabbitmq: Check;
}

const good: Record<string, Style> = {
  ready: 'green',
  yes: 'green',
  degraded: 'yellow',
  partly: 'yellow',
  unknown: 'yellow',
};
const styleOf = (word: string | undefined): Style | undefined =>
  word === undefined ? undefined : (good[word] ?? 'red');
const checkStyle = (check: Check | undefined): Style | undefined => check && (check.ok ? 'green' : 'red');
const checkText = (check: Check | undefined): string => {
  if (!check) return 'not used';
  return [check.ok ? `ok, ${check.ms} ms` : 'away', check.reason].filter(Boolean).join(': ');
};
const shortCheck = (check: Check | undefined) => check && (check.ok ? `${check.ms} ms` : 'away');

const healthOf = (api: Api) => api.get<Health>('/health/ready', { also: [503] });
/** @returns undefined where that cannot be told just now */
const ordersOf = (api: Api): Promise<number | undefined> =>
  api.get<{ total_orders: number }>('/orders?limit=1').then(
    ({ total_orders }) => total_orders,
    () => undefined,
  );
const deadOf = (api: Api): Promise<number | undefined> =>
  api.get<{ total_dead_letters: number }>('/admin/dead-letters?limit=1', { admin: true }).then(
    ({ total_dead_letters }) => total_dead_letters,
    () => undefined,
  );

interface Line {
  at: string;
  status: string;
  accepting?: string;
  reading?: string;
  applying?: string;
  mysql?: Check;
  redis?: Check;
  rabbitmq?: Check;
  orders?: number | undefined;
  /** Jobs a second since the line before; undefined if that is not told. */
  applied_per_second?: number | undefined;
  failed?: number | undefined;
}

const columns: Column<Line>[] = [
  { head: 'AT', of: ({ at }) => at },
  { head: 'STATUS', of: ({ status }) => status.padEnd(8), style: ({ status }) => styleOf(status) },
  { head: 'ACCEPTING', of: ({ accepting }) => accepting, style: ({ accepting }) => styleOf(accepting) },
  { head: 'READING', of: ({ reading }) => reading, style: ({ reading }) => styleOf(reading) },
  { head: 'APPLYING', of: ({ applying }) => applying, style: ({ applying }) => styleOf(applying) },
  { head: 'MYSQL  ', of: ({ mysql }) => shortCheck(mysql), style: ({ mysql }) => checkStyle(mysql) },
  { head: 'REDIS  ', of: ({ redis }) => shortCheck(redis), style: ({ redis }) => checkStyle(redis) },
  {
    head: 'RABBITMQ',
    of: ({ rabbitmq }) => shortCheck(rabbitmq),
    style: ({ rabbitmq }) => checkStyle(rabbitmq),
  },
  { head: '  ORDERS', of: ({ orders }) => orders, right: true },
  { head: 'APPLIED/S', of: ({ applied_per_second }) => applied_per_second, right: true },
  {
    head: 'FAILED',
    of: ({ failed }) => failed,
    right: true,
    style: ({ failed }) => (failed ? 'red' : undefined),
  },
];

/** Counts what is heard of jobs, by their states. */
const hear = (api: Api, signal: AbortSignal) => {
  const counts = new Map<string, number>();
  let isHeard = true;
  const listen = async () => {
    for await (const { event, data } of events(api, '/events', () => {}, signal)) {
      if (event !== 'message') continue;
      const { status } = JSON.parse(data) as Job;
      counts.set(status, (counts.get(status) ?? 0) + 1);
    }
  };
  listen().catch(() => {
    isHeard = false;
  });
  return {
    /** How many events of these states were heard since the last call; undefined if none can be heard. */
    take: (...states: string[]): number | undefined => {
      if (!isHeard) return undefined;
      const sum = states.reduce((all, state) => all + (counts.get(state) ?? 0), 0);
      for (const state of states) counts.delete(state);
      return sum;
    },
  };
};

export const addStatusCommands = (program: Command): void => {
  program
    .command('status')
    .description('what works, and how much there is; ends with 5 if a server is away')
    .action(async (_options: object, command: Command) => {
      const { api, out } = contextOf(command);
      const { text, ...health } = await healthOf(api);
      const [orders = null, dead = null] = await Promise.all([ordersOf(api), deadOf(api)]);
      await out.one({ url: api.url, ...health, total_orders: orders, total_dead_letters: dead }, [
        ['api', api.url],
        ['status', health.status, styleOf(health.status)],
        ['accepting', health.accepting, styleOf(health.accepting)],
        ['reading', health.reading, styleOf(health.reading)],
        ['applying', health.applying, styleOf(health.applying)],
        ['mysql', checkText(health.mysql), checkStyle(health.mysql)],
        ['redis', checkText(health.redis), checkStyle(health.redis)],
        ['rabbitmq', checkText(health.rabbitmq), checkStyle(health.rabbitmq)],
        ['orders', orders],
        ['dead letters', dead, dead ? 'red' : undefined],
      ]);
      const { mysql, redis, rabbitmq } = health;
      const away = Object.entries({ MySQL: mysql, Redis: redis, RabbitMQ: rabbitmq })
        .filter(([, check]) => check?.ok === false)
        .map(([name]) => name);
      if (away.length > 0) throw new CommandError(`Away: ${away.join(', ')}.`, 'away');
      if (health.status === 'unavailable' || health.status === 'ending')
        throw new CommandError(`The API is ${health.status}.`, 'away');
    });

  program
    .command('watch')
    .description('the same again and again, a line each time, until Ctrl-C')
    .option('-i, --interval <seconds>', 'how often', seconds(0.2, 3_600), 2)
    .action(async ({ interval }: { interval: number }, command: Command) => {
      const { api, out } = contextOf(command);
      await healthOf(api);
      const signal = untilInterrupted();
      const heard = hear(api, signal);
      const list = out.list(columns, { endless: true });
      let since = performance.now();
      while (!signal.aborted) {
        await sleep(Math.max(0, interval * 1_000 - (performance.now() - since)), undefined, { signal }).catch(
          () => {},
        );
        if (signal.aborted) break;
        const elapsed = (performance.now() - since) / 1_000;
        since = performance.now();
        const applied = heard.take('succeeded', 'superseded');
        const failed = heard.take('retrying', 'dead');
        const [health, orders] = await Promise.all([healthOf(api).catch(() => undefined), ordersOf(api)]);
        const { text, ...found } = health ?? { text: '', status: 'away' };
        const perSecond = applied === undefined ? undefined : Math.round(applied / elapsed);
        const at = new Date().toISOString();
        await list.add([{ at, ...found, orders, applied_per_second: perSecond, failed }]);
      }
    });
};
