/** Makes a page of the results that needs no other files. */
import { inColours, page, section } from '../../cli/load/page.ts';
import { barPlot, colour, dotPlot, escaped, linePlot, type Series } from '../../cli/load/plots.ts';
import type { Broken, Chart, Row } from './results.ts';

/** The kind of a process, by its name: `consumer 1` and `consumer 2` are both of the kind `consumer`. */
const kindOf = (name: string) => name.replace(/ \d+$/, '');

const chartSection = ({ title, xLabel, yLabel, lines }: Chart): string => {
  const kinds = [...new Set(lines.map(({ name }) => kindOf(name)))];
  const plot = linePlot(title, xLabel, yLabel, lines, (name) => kinds.indexOf(kindOf(name)));
  return section(title, inColours(kinds), plot);
};

const throughput = (rows: Row[], peer: string | undefined): string => {
  const measured = rows.filter(({ bare }) => bare !== undefined);
  const series: Series[] = [
    { name: 'ours', fill: colour(0) },
    { name: 'bare', fill: 'var(--bare)' },
    ...(peer === undefined ? [] : [{ name: peer, fill: colour(1) }]),
  ];
  return [...new Set(measured.map(({ unit }) => unit))]
    .map((unit) => {
      const title = `Throughput in ${unit}`;
      const groups = measured
        .filter((row) => row.unit === unit)
        .map((row) => ({ label: row.title, values: [row.ours, row.bare, row.peer].slice(0, series.length) }));
      return section(title, series, barPlot(title, series, groups));
    })
    .join('\n');
};

const latencies = (rows: Row[]): string => {
  const dots = rows.flatMap(({ title, latency }) =>
    latency
      ? [
          {
            label: title,
            values: { p50: latency['50'], p90: latency['90'], p99: latency['99'], 'p99.9': latency['99.9'] },
          },
        ]
      : [],
  );
  if (dots.length === 0) return '';
  const title = 'Latency: half, 90, 99 and 99.9 percent were not slower';
  return section(title, inColours(['p50', 'p90', 'p99', 'p99.9']), dotPlot(title, 'ms', dots));
};

export interface Page {
  /** Says when and where it was measured, in one sentence. */
  about: string;
  table: string;
  results: (Row | Broken)[];
  charts: Chart[];
  peer: string | undefined;
}

/** Makes the page. @returns a whole HTML document */
export const toHtml = ({ about, table, results, charts, peer }: Page): string => {
  const rows = results.filter((result): result is Row => !('broken' in result));
  return page('Orders: benchmark', [
    `<p>${escaped(about)}</p>`,
    throughput(rows, peer),
    latencies(rows),
    ...charts.map(chartSection),
    `<h2>Table</h2>\n<pre>${escaped(table)}</pre>`,
  ]);
};
