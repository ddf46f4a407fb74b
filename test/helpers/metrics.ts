/** Reading what a process says of itself to Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats). */
import { read } from './manifests.ts';

interface Series {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const readLabels = (text = ''): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));

const isSame = (one: Record<string, string>, other: Record<string, string>): boolean =>
  Object.keys(one).length === Object.keys(other).length &&
  Object.entries(one).every(([name, value]) => other[name] === value);

/** Asks for metrics and reads them. @throws where nothing answers, or not with 200 */
export const readMetrics = async (url: string) => {
  const response = await fetch(url);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url} answers ${response.status}: ${text}`);
  const types = new Map(
    [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type]) => [name, type]),
  );
  const series: Series[] = [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(
    ([, name = '', labels, value]) => ({ name, labels: readLabels(labels), value: Number(value) }),
  );
  return {
    text,
    /** The type of each metric, by its name. */
    types,
    /** The names of the labels that a metric has, those of its buckets not among them. */
    labelsOf: (metric: string): string[] => {
      const names = [metric, ...['_bucket', '_sum', '_count'].map((end) => metric + end)];
      const own = series.filter(({ name }) => names.includes(name));
      return [...new Set(own.flatMap(({ labels }) => Object.keys(labels)))].filter((name) => name !== 'le');
    },
    /** The value of a series, undefined if there is none with exactly these labels. */
    value: (name: string, labels: Record<string, string> = {}): number | undefined =>
      series.find((one) => one.name === name && isSame(one.labels, labels))?.value,
  };
};
export type Metrics = Awaited<ReturnType<typeof readMetrics>>;

/** The metrics that docs/OBSERVABILITY.md lists, each with its labels and the processes that have it. */
export const documentedMetrics = () =>
  [
    ...read('docs/OBSERVABILITY.md').matchAll(
      /^\| `([a-z_]+)` \| (counter|gauge|histogram) \|([^|]*)\|([^|]*)\|/gm,
    ),
  ].map(([, name = '', type = '', labels = '', by = '']) => ({
    name,
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).sort(),
    by: by.trim(),
  }));
