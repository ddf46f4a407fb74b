/** `orders status|watch`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Api } from '../api.ts';
import { contextOf, untilInterrupted } from '../context.ts';
import { CommandError } from '../exit.ts';
import type { Job } from '../jobs.ts';
import { seconds } from '../options.ts';
import { duration, oneSample, type Sample, samplesOf, type Told, told } from '../samples.ts';
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

const healthOf = (api: Api) => api.get<Health>('/health/ready', { also: [503] });
/** How long the number of orders may take: a MySQL that hangs must not keep the rest from being told. */
const ORDERS_WITHIN_MS = 2_000;
/** @returns undefined where that cannot be told just now */
const ordersOf = (api: Api): Promise<number | undefined> =>
  api.get<{ total_orders: number }>('/orders?limit=1', { withinMs: ORDERS_WITHIN_MS }).then(
    ({ total_orders }) => total_orders,
    () => undefined,
  );
/** What is said where the samples are refused: what else there is, anybody may see. */
const untold = (error: unknown): string => {
  if (!(error instanceof CommandError)) throw error;
  return `What waits is not told. ${error.message}`;
};
const awayOf = ({ mysql, redis, rabbitmq }: Partial<Health>): string[] =>
  Object.entries({ MySQL: mysql, Redis: redis, RabbitMQ: rabbitmq })
    .filter(([, check]) => check?.ok === false)
    .map(([name]) => name);
/** Older than this, something is wrong or slow. */
const OLD_MS = 60_000;
const ageStyle = (ms: number | null): Style | undefined => (Number(ms) > OLD_MS ? 'red' : undefined);

interface Line extends Told, Partial<Omit<Health, 'status'>> {
  at: string;
  status: string;
  orders: number | undefined;
  /** How many jobs failed since the line before; undefined if that is not told. */
  failed: number | undefined;
}

const columns: Column<Line>[] = [
  { head: 'UTC     ', of: ({ at }) => at.slice(11, 19) },
  { head: 'STATUS', of: ({ status }) => status.padEnd(8), style: ({ status }) => styleOf(status) },
  { head: 'ACCEPTING', of: ({ accepting }) => accepting, style: ({ accepting }) => styleOf(accepting) },
  { head: 'READING', of: ({ reading }) => reading, style: ({ reading }) => styleOf(reading) },
  { head: 'APPLYING', of: ({ applying }) => applying, style: ({ applying }) => styleOf(applying) },
  { head: 'AWAY    ', of: (line) => awayOf(line).join(', '), style: () => 'red' },
  { head: '   WAITING', of: ({ waiting }) => waiting, right: true },
  {
    head: '  OLDEST',
    of: ({ oldest_ms }) => duration(oldest_ms),
    right: true,
    style: ({ oldest_ms }) => ageStyle(oldest_ms),
  },
  { head: 'ACCEPTED/S', of: ({ accepted_per_second }) => accepted_per_second, right: true },
  { head: 'APPLIED/S', of: ({ applied_per_second }) => applied_per_second, right: true },
  {
    head: 'FAILED',
    of: ({ failed }) => failed,
    right: true,
    style: ({ failed }) => (failed ? 'red' : undefined),
  },
  {
    head: ' DEAD',
    of: ({ total_dead_letters: dead }) => dead,
    right: true,
    style: ({ total_dead_letters: dead }) => (dead ? 'red' : undefined),
  },
  {
    head: ' HUB LAG',
    of: ({ hub_lag_ms }) => duration(hub_lag_ms),
    right: true,
    style: ({ hub_lag_ms }) => ageStyle(hub_lag_ms),
  },
  { head: '  ORDERS', of: ({ orders }) => orders, right: true },
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

/** A sample that is older says nothing of now. */
const FRESH_MS = 5_000;
/** Follows the samples. @param refused is told if there will be none @returns the newest one, undefined if it is old */
const followSamples = (api: Api, refused: (error: unknown) => void, signal: AbortSignal) => {
  let newest: Sample | undefined;
  let heardAt = 0;
  const listen = async () => {
    for await (const sample of samplesOf(api, signal)) {
      newest = sample;
      heardAt = performance.now();
    }
  };
  listen().catch(refused);
  return () => (performance.now() - heardAt < FRESH_MS ? newest : undefined);
};

export const addStatusCommands = (program: Command): void => {
  program
    .command('status')
    .description('what works, and how much there is; ends with 5 if a server is away')
    .action(async (_options: object, command: Command) => {
      const { api, out } = contextOf(command);
      const { text, ...health } = await healthOf(api);
      const problems: string[] = [];
      const [orders = null, sample] = await Promise.all([
        ordersOf(api),
        oneSample(api).catch((error) => void problems.push(untold(error))),
      ]);
      const { total_dead_letters: dead, ...load } = told(sample ?? undefined);
      const rates = [load.accepted_per_second, load.applied_per_second].map((rate) => rate ?? '-');
      await out.one({ url: api.url, ...health, total_orders: orders, total_dead_letters: dead, ...load }, [
        ['api', api.url],
        ['status', health.status, styleOf(health.status)],
        ['accepting', health.accepting, styleOf(health.accepting)],
        ['reading', health.reading, styleOf(health.reading)],
        ['applying', health.applying, styleOf(health.applying)],
        ['mysql', checkText(health.mysql), checkStyle(health.mysql)],
        ['redis', checkText(health.redis), checkStyle(health.redis)],
        ['rabbitmq', checkText(health.rabbitmq), checkStyle(health.rabbitmq)],
        ['waiting', load.waiting],
        ['oldest waiting', duration(load.oldest_ms), ageStyle(load.oldest_ms)],
        ['delayed', load.delayed],
        ['dead letters', dead, dead ? 'red' : undefined],
        ['a second', `${rates[0]} accepted, ${rates[1]} applied`],
        ['hub lag', duration(load.hub_lag_ms), ageStyle(load.hub_lag_ms)],
        ['consumers', load.consumers, load.consumers === 0 ? 'red' : undefined],
        ['orders', orders],
      ]);
      for (const problem of problems) out.say(problem);
      const away = awayOf(health);
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
      const sample = followSamples(api, (error) => out.say(untold(error)), signal);
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
        const perSecond = applied === undefined ? null : Math.round(applied / elapsed);
        const at = new Date().toISOString();
        await list.add([{ at, ...found, orders, ...told(sample()), applied_per_second: perSecond, failed }]);
      }
    });
};
