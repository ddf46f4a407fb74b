/** What listens to a process beside its log. It is loaded only if somebody asked for it: nobody else pays for it. */
import type { Config } from '../process/config.ts';
import type { Metrics } from './metrics.ts';

const nothing: Metrics<unknown> = { listeners: [], pages: {}, read: () => {} };

const makers = {
  primary: async () => (await import('./metrics.ts')).primaryMetrics(),
  worker: async () => (await import('./metrics.ts')).workerMetrics(),
  consumer: async () => (await import('./metrics.ts')).consumerMetrics(),
  hub: async () => (await import('./metrics.ts')).hubMetrics(),
};

/** The metrics of a process, of which there are none without METRICS_PORT. @param kind which process it is */
export const openMetrics = async <Kind extends keyof typeof makers>(
  { metrics }: Pick<Config, 'metrics'>,
  kind: Kind,
): Promise<Awaited<ReturnType<(typeof makers)[Kind]>> | typeof nothing> =>
  metrics === undefined ? nothing : ((await makers[kind]()) as Awaited<ReturnType<(typeof makers)[Kind]>>);
