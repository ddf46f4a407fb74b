/**
 * Counters, gauges and histograms for a registry of prom-client. What happens only adds to plain numbers: prom-client's
 * own instruments check and sort labels each time, which takes a microsecond that the paths that are watched would pay.
 * A series is made once, and prom-client keeps the text of its labels, so a scrape costs little more than its numbers.
 */
import { type Metric, Registry } from 'prom-client';

/** How the values of several workers become one. */
export type Merging = 'sum' | 'min' | 'max';
type Labels = Record<string, string | number>;

/** What describes a metric, and goes from process to process. */
export interface Description {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  aggregator: Merging;
}

/** One line of what Prometheus reads, as prom-client takes it. */
export interface Series {
  metricName: string;
  /** Nothing: all are in `sharedLabels`, of which prom-client keeps the text. */
  labels: Labels;
  sharedLabels: Labels;
  value: number;
}
export const seriesOf = (metricName: string, sharedLabels: Labels): Series => ({
  metricName,
  labels: {},
  sharedLabels,
  value: 0,
});

/** A metric with its series as they are now. */
export interface Told extends Description {
  values: Series[];
}

/** Puts a metric into a registry. @param tell is asked for its series by each scrape */
export const register = (registry: Registry, description: Description, tell: () => Series[]): void => {
  const get = async (): Promise<Told> => ({ ...description, values: tell() });
  // A registry asks a metric for nothing else: those that prom-client merges are such objects too.
  registry.registerMetric({ ...description, get } as unknown as Metric);
};

interface Described {
  /** With its unit, as in `_seconds`; the name of a counter ends with `_total` (https://prometheus.io/docs/practices/naming). */
  name: string;
  help: string;
  /** The names of its labels, none by default. Never an id, as each value is a series of its own for ever. */
  labels?: string[];
}
interface Counted extends Described {
  /** Labels that are known beforehand: their series begin with 0, so that a rate sees the first event too. */
  known?: string[][];
}
interface Read extends Described {
  merging?: Merging;
}
/** A value that is read, with the values of the labels. */
type Reading = [value: number, ...labels: string[]];

/** What there is for each combination of labels, made when it first comes. */
const children = <Child>({ labels = [], known }: Counted, make: (labels: Labels) => Child) => {
  const all = new Map<string, Child>();
  const add = (key: string, values: string[]): Child => {
    const child = make(Object.fromEntries(labels.map((name, i) => [name, values[i] ?? ''])));
    all.set(key, child);
    return child;
  };
  const of = (values: string[]): Child => {
    const key = values.length === 1 ? (values[0] ?? '') : values.join('\n');
    return all.get(key) ?? add(key, values);
  };
  for (const values of known ?? (labels.length === 0 ? [[]] : [])) of(values);
  return { all, of };
};

/** Makes a registry and the functions that make its instruments. */
export const createInstruments = () => {
  const registry = new Registry();
  const add = (
    type: Description['type'],
    { name, help, merging: aggregator = 'sum' }: Read,
    tell: () => Series[],
  ): void => register(registry, { name, help, type, aggregator }, tell);

  return {
    registry,

    /** @returns a function that adds, with the values of the labels in their order */
    counter: (counted: Counted) => {
      const { all, of } = children(counted, (labels) => seriesOf(counted.name, labels));
      add('counter', counted, () => [...all.values()]);
      return (by: number, ...values: string[]): void => {
        of(values).value += by;
      };
    },

    /** A counter or a gauge that is read when somebody asks; there is none while that is undefined. */
    reading: (
      type: 'counter' | 'gauge',
      described: Read,
      read: () => number | undefined | Reading[],
    ): void => {
      const { of } = children({ ...described, known: [] }, (labels) => seriesOf(described.name, labels));
      const readOne = ([value, ...labels]: Reading): Series => {
        const series = of(labels);
        series.value = value;
        return series;
      };
      add(type, described, () => {
        const found = read();
        if (found === undefined) return [];
        return typeof found === 'number' ? [readOne([found])] : found.map(readOne);
      });
    },

    /**
     * @param bounds the upper bounds of its buckets, ascending
     * @returns a function that observes a value, with the values of the labels in their order
     */
    histogram: (counted: Counted, bounds: readonly number[]) => {
      const { name } = counted;
      const { all, of } = children(counted, (labels) => ({
        counts: new Array<number>(bounds.length + 1).fill(0),
        buckets: [...bounds, '+Inf'].map((le) => seriesOf(`${name}_bucket`, { ...labels, le })),
        sum: seriesOf(`${name}_sum`, labels),
        count: seriesOf(`${name}_count`, labels),
      }));
      add('histogram', counted, () =>
        [...all.values()].flatMap(({ counts, buckets, sum, count }) => {
          count.value = 0;
          for (const [i, bucket] of buckets.entries()) {
            count.value += counts[i] ?? 0;
            bucket.value = count.value;
          }
          return [...buckets, sum, count];
        }),
      );
      return (value: number, ...values: string[]): void => {
        const { counts, sum } = of(values);
        let i = 0;
        while (i < bounds.length && value > (bounds[i] ?? 0)) i++;
        counts[i] = (counts[i] ?? 0) + 1;
        sum.value += value;
      };
    },
  };
};
export type Instruments = ReturnType<typeof createInstruments>;
