/** The metrics of a process, and the page that shows them. Loaded only if METRICS_PORT is set. */
import { Registry } from 'prom-client';
import type { Page, Pages } from '../process/endpoint.ts';
import type { Observer } from '../process/observer.ts';
import { type ApiReadings, watchApi, watchPrimary } from './api.ts';
import { type ConsumerReadings, watchConsumer } from './consumer.ts';
import { type HubReadings, watchHub } from './hub.ts';
import { createInstruments, type Instruments } from './instruments.ts';
import { answerPrimary, createMerging } from './workers.ts';

/** The metrics of a process. */
export interface Metrics<Readings> {
  /** What listens to the observer of the process. */
  listeners: Partial<Observer>[];
  /** What is served on METRICS_PORT. */
  pages: Pages;
  /** Says what can be read when somebody asks, from the moment on from which it can be. */
  read(readings: Readings): void;
}

const page = async (text: Promise<string>): Promise<Page> => ({
  status: 200,
  contentType: Registry.PROMETHEUS_CONTENT_TYPE,
  body: await text,
});

const metricsOf = <Readings>(
  watch: (instruments: Instruments, readings: () => Readings | undefined) => Partial<Observer>[],
): Metrics<Readings> & Pick<Instruments, 'registry'> => {
  const instruments = createInstruments();
  const { registry } = instruments;
  let readings: Readings | undefined;
  return {
    registry,
    listeners: watch(instruments, () => readings),
    pages: { '/metrics': () => page(registry.metrics()) },
    read: (given) => {
      readings = given;
    },
  };
};

export const consumerMetrics = () => metricsOf<ConsumerReadings>(watchConsumer);
export const hubMetrics = () => metricsOf<HubReadings>(watchHub);

/** Those of an API worker, which tells them to its primary. */
export const workerMetrics = (): Metrics<ApiReadings> => {
  const { registry, ...metrics } = metricsOf<ApiReadings>(watchApi);
  answerPrimary(registry);
  return { ...metrics, pages: {} };
};

/** Those of the API's primary, which merges those of its workers with them. */
export const primaryMetrics = (): Metrics<never> => {
  const instruments = createInstruments();
  const { workers, text } = createMerging(instruments.registry);
  return {
    listeners: watchPrimary(instruments, { workers }),
    pages: { '/metrics': () => page(text()) },
    read: () => {},
  };
};
