/** Makes a page of the results that needs no other files. */
import { barPlot, colour, dotPlot, escaped, linePlot, type Series } from './plots.ts';
import type { Broken, Chart, Row } from './results.ts';

const STYLE = `
:root { --text: #1f2328; --soft: #59636e; --grid: #d8dee4; --page: #ffffff;
  --bare: #b8bec6; --series-1: #2166ac; --series-2: #d6604d; --series-3: #4d9221;
  --series-4: #8073ac; --series-5: #b35806; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9198a1; --grid: #3d444d; --page: #0d1117;
  --bare: #6e7681; --series-1: #6ea8dc; --series-2: #f4a582; --series-3: #a6d96a;
  --series-4: #b2abd2; --series-5: #fdb863; } }
body { margin: 2rem auto; max-width: 52rem; padding: 0 1rem; color: var(--text); background: var(--page);
  font: 15px/1.5 system-ui, sans-serif; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1.1rem; }
p, dl { color: var(--soft); }
.legend span { margin-right: 1.2em; }
.legend i { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; border-radius: 2px; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--text); }
svg .grid { stroke: var(--grid); }
svg polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
pre { overflow-x: auto; font-size: 12px; line-height: 1.4; }`;

const inColours = (names: string[]): Series[] => names.map((name, i) => ({ name, fill: colour(i) }));
const section = (title: string, series: Series[], plot: string) => {
  const legend = series.map(
    ({ name, fill }) => `<span><i style="background: ${fill}"></i>${escaped(name)}</span>`,
  );
  return `<h2>${escaped(title)}</h2><p class="legend">${legend.join('')}</p>${plot}`;
};

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
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Orders: benchmark</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Orders: benchmark</h1>
<p>${escaped(about)}</p>
${throughput(rows, peer)}
${latencies(rows)}
${charts.map(chartSection).join('\n')}
<h2>Table</h2>
<pre>${escaped(table)}</pre>
</body>
</html>
`;
};
