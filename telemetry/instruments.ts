/**
 * Counters, gauges and histograms. What happens only adds to plain numbers: prom-client's own instruments check and sort
 * labels each time, which takes a microsecond that the paths that are watched would pay. When somebody asks, prom-client
 * merges what processes have, and writes it.
 */
import { type Metric, Registry } from 'prom-client';

/** How the values of several workers become one. */
type Merging = 'sum' | 'min' | 'max';
type Labels = Record<string, string | number>;
export interface Sample {
  labels: Labels;
  value: number;
  /** The name of the series, if it is not the metric's. */
  metricName?: string;
}

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

/** The counts of each combination of labels, made when it first comes. */
const children = <Child>(names: string[], make: (labels: Labels) => Child) => {
  const all = new Map<string, { labels: Labels; child: Child }>();
  const add = (key: string, values: string[]): Child => {
    const labels = Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
    const child = make(labels);
    all.set(key, { labels, child });
    return child;
  };
  return {
    all,
    of: (values: string[]): Child => {
      const key = values.length === 1 ? (values[0] ?? '') : values.join('\n');
      return all.get(key)?.child ?? add(key, values);
    },
  };
};

/** Makes a registry and the functions that make its instruments. */
export const createInstruments = () => {
  const registry = new Registry();
  const register = (
    type: 'counter' | 'gauge' | 'histogram',
    { name, help, merging: aggregator = 'sum' }: Read,
    values: () => Sample[],
  ): void => {
    const metric = { name, help, type, aggregator };
    const get = async () => ({ ...metric, values: values() });
    // A registry asks a metric for nothing else: those that prom-client merges are such objects too.
    registry.registerMetric({ ...metric, get } as unknown as Metric);
  };

  return {
    registry,

    /** @returns a function that adds, with the values of the labels in their order */
    counter: ({ known, ...described }: Counted) => {
      const { labels = [] } = described;
      const { all, of } = children(labels, () => ({ value: 0 }));
      for (const values of known ?? (labels.length === 0 ? [[]] : [])) of(values);
      register('counter', described, () =>
        [...all.values()].map(({ labels, child }) => ({ labels, value: child.value })),
      );
      return (by: number, ...values: string[]): void => {
        of(values).value += by;
      };
    },

    /** A counter or a gauge whose value is read when somebody asks; there is none while that is undefined. */
    reading: (
      type: 'counter' | 'gauge',
      described: Read,
      read: () => number | undefined | (Sample | undefined)[],
    ): void =>
      register(type, described, () => {
        const value = read();
        if (typeof value === 'number') return [{ labels: {}, value }];
        return (value ?? []).filter((sample) => sample !== undefined);
      }),

    /**
     * @param bounds the upper bounds of its buckets, ascending
     * @returns a function that observes a value, with the values of the labels in their order
     */
    histogram: (described: Counted, bounds: readonly number[]) => {
      const { labels = [], known, name } = described;
      const { all, of } = children(labels, (own) => ({
        counts: new Array<number>(bounds.length + 1).fill(0),
        sum: 0,
        bucketLabels: [...bounds, '+Inf'].map((le) => ({ ...own, le })),
      }));
      for (const values of known ?? (labels.length === 0 ? [[]] : [])) of(values);
      const [bucket, sum, count] = [`${name}_bucket`, `${name}_sum`, `${name}_count`];
      register('histogram', described, () =>
        [...all.values()].flatMap(({ labels, child }) => {
          let below = 0;
          const buckets = child.counts.map((own, i) => {
            below += own;
            return { labels: child.bucketLabels[i] ?? labels, value: below, metricName: bucket };
          });
          return [
            ...buckets,
            { labels, value: child.sum, metricName: sum },
            { labels, value: below, metricName: count },
          ];
        }),
      );
      return (value: number, ...values: string[]): void => {
        const child = of(values);
        let i = 0;
        while (i < bounds.length && value > (bounds[i] ?? 0)) i++;
        child.counts[i] = (child.counts[i] ?? 0) + 1;
        child.sum += value;
      };
    },
  };
};
export type Instruments = ReturnType<typeof createInstruments>;
