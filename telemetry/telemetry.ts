/** What listens to a process beside its log. It is loaded only if somebody asked for it: nobody else pays for it. */
import { type Config, environment } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';
import type { BeginTrace } from '../process/tracing.ts';
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

export interface Traces {
  /** What listens to the observer of the process. */
  listeners: Partial<Observer>[];
  /** What follows requests; undefined if nobody does. */
  beginTrace: BeginTrace | undefined;
  /** Exports what is left. Never rejects. */
  close(): Promise<void>;
}

const untraced: Traces = { listeners: [], beginTrace: undefined, close: async () => {} };

/** The traces of a process, of which there are none without OTEL_EXPORTER_OTLP_ENDPOINT. */
export const openTraces = async (
  { traces, rabbitmq }: Pick<Config, 'traces' | 'rabbitmq'>,
  kind: 'api' | 'consumer',
  observer: Observer,
): Promise<Traces> => {
  if (!traces) return untraced;
  // The SDK reads its settings from the environment of the process, but they may be in `.env` as well.
  for (const [name, value] of Object.entries(environment()))
    if (name.startsWith('OTEL_')) process.env[name] ??= value;
  return (await import('./traces.ts')).createTraces(kind, rabbitmq.queue, observer);
};
