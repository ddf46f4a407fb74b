/** The report of a run: plots over time, and the tables. */
import { inColours, page, section } from './page.ts';
import { escaped, linePlot } from './plots.ts';
import type { Sample, Shown } from './statistics.ts';
import { failuresTable, percentilesTable, statisticsTable } from './tables.ts';

/** More points than a plot has pixels show nothing more. */
const MOST_POINTS = 700;

/** @param lines the lines of the plot, each by what it shows of a second; a second without a value is left out */
const plot = (
  title: string,
  unit: string,
  samples: Sample[],
  lines: [name: string, of: (sample: Sample) => number][],
): string => {
  const each = Math.ceil(samples.length / MOST_POINTS);
  const shown = samples.filter((_, i) => i % each === 0);
  const series = lines.map(([name, of]) => ({
    name,
    points: shown.map((sample): [number, number] => [sample.at, of(sample)]),
  }));
  const names = lines.map(([name]) => name);
  return section(
    title,
    inColours(names),
    linePlot(title, 'seconds', unit, series, (name) => names.indexOf(name)),
  );
};

/**
 * @param about says what was run, in one sentence
 * @returns a whole HTML document that needs no other files
 */
export const reportOf = (about: string, shown: Shown, samples: Sample[]): string =>
  page('Orders: load', [
    `<p>${escaped(about)}</p>`,
    plot('Requests a second', 'requests/s', samples, [
      ['requests', ({ requests }) => requests],
      ['failures', ({ failures }) => failures],
    ]),
    plot('Response times', 'ms', samples, [
      ['half were not slower', ({ median }) => median],
      ['95 percent were not slower', ({ slow }) => slow],
    ]),
    plot('Users', 'users', samples, [['users', ({ users }) => users]]),
    ...[statisticsTable(shown), percentilesTable(shown), failuresTable(shown)]
      .filter((lines) => lines.length > 0)
      .map((lines) => `<pre>${escaped(lines.join('\n'))}</pre>`),
  ]);
