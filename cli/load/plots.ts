/** Draws plots as SVG. The page defines their colours: --text, --grid, --bare, --series-1 and so on (page.ts). */

export interface Line {
  name: string;
  points: [x: number, y: number][];
}

/** Escapes a text, so that it can be put into an element or an attribute. */
export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

const WIDTH = 760;
const COLOURS = 5;
export const colour = (series: number): string => `var(--series-${(series % COLOURS) + 1})`;

export const shown = (value: number): string =>
  value.toLocaleString('en', {
    maximumFractionDigits: Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 3,
  });

const text = (x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end' = 'start') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(content)}</text>`;
const rule = (x1: number, y1: number, x2: number, y2: number) =>
  `<line class="grid" x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}"/>`;
const svg = (height: number, parts: string[], title: string) =>
  `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">${parts.join('')}</svg>`;

/** About five round numbers from 0 to `most`. */
const ticks = (most: number): number[] => {
  const rough = Math.max(most, 1e-9) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, i) => i * step);
};

export interface Series {
  name: string;
  /** A CSS colour. */
  fill: string;
}
export interface Bars {
  label: string;
  /** One value for each series, undefined if the series has none. */
  values: (number | undefined)[];
}

const LABEL_WIDTH = 300;
/** The space before the first bar. */
const TOP = 4;
const BAR = 13;
const GROUP_GAP = 12;
const AXIS = 24;

/** Draws horizontal bars in groups. All begin at 0, and each has its number. */
export const barPlot = (title: string, series: Series[], groups: Bars[]): string => {
  const most = Math.max(...groups.flatMap(({ values }) => values.map((value) => value ?? 0)), 0);
  const width = WIDTH - LABEL_WIDTH - 70;
  const groupHeight = series.length * BAR + GROUP_GAP;
  const parts = groups.flatMap(({ label, values }, group) => {
    const top = TOP + group * groupHeight;
    const bars = values.flatMap((value, i) => {
      if (value === undefined) return [];
      const length = (value / most) * width;
      const y = top + i * BAR;
      const tip = `<title>${escaped(`${label}, ${series[i]?.name}: ${shown(value)}`)}</title>`;
      return [
        `<rect x="${LABEL_WIDTH}" y="${y}" width="${length.toFixed(1)}" height="${BAR - 2}" rx="2" fill="${series[i]?.fill}">${tip}</rect>`,
        text(LABEL_WIDTH + length + 5, y + BAR - 3, shown(value)),
      ];
    });
    return [text(LABEL_WIDTH - 10, top + (series.length * BAR) / 2 + 3, label, 'end'), ...bars];
  });
  return svg(TOP + groups.length * groupHeight, parts, title);
};

export interface Dots {
  label: string;
  /** The values by name, such as p50. */
  values: Record<string, number>;
}

/** Draws a line of dots for each label, on a logarithmic axis. @param unit of the axis */
export const dotPlot = (title: string, unit: string, rows: Dots[]): string => {
  const all = rows.flatMap(({ values }) => Object.values(values)).filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...all)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...all))));
  const width = WIDTH - LABEL_WIDTH - 45;
  const x = (value: number) => LABEL_WIDTH + ((Math.log10(value) - low) / (high - low)) * width;
  const rowHeight = 24;
  const bottom = rows.length * rowHeight;
  const grid = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)).flatMap((value) => [
    rule(x(value), 0, x(value), bottom),
    text(x(value), bottom + 16, `${shown(value)} ${unit}`, 'middle'),
  ]);
  const parts = rows.flatMap(({ label, values }, row) => {
    const y = row * rowHeight + rowHeight / 2;
    const points = Object.entries(values).filter(([, value]) => value > 0);
    const xs = points.map(([, value]) => x(value));
    return [
      text(LABEL_WIDTH - 10, y + 4, label, 'end'),
      rule(Math.min(...xs), y, Math.max(...xs), y),
      ...points.map(
        ([name, value], i) =>
          `<circle cx="${x(value).toFixed(1)}" cy="${y}" r="5" fill="${colour(i)}"><title>${escaped(`${label}, ${name}: ${shown(value)} ${unit}`)}</title></circle>`,
      ),
    ];
  });
  return svg(bottom + AXIS, [...grid, ...parts], title);
};

const LEFT = 60;
const PLOT_HEIGHT = 220;

/** Draws lines over a common x axis; y begins at 0. @param colourOf returns the series whose colour a line has */
export const linePlot = (
  title: string,
  xLabel: string,
  yLabel: string,
  lines: Line[],
  colourOf: (name: string) => number,
): string => {
  const points = lines.flatMap((line) => line.points).filter(([, y]) => Number.isFinite(y));
  const yTicks = ticks(Math.max(...points.map(([, y]) => y), 0));
  const xMost = Math.max(...points.map(([x]) => x), 1e-9);
  const yMost = yTicks.at(-1) || 1;
  const top = 20;
  const x = (value: number) => LEFT + (value / xMost) * (WIDTH - LEFT - 20);
  const y = (value: number) => top + PLOT_HEIGHT * (1 - value / yMost);
  const grid = yTicks.flatMap((tick) => [
    rule(LEFT, y(tick), WIDTH - 20, y(tick)),
    text(LEFT - 8, y(tick) + 4, shown(tick), 'end'),
  ]);
  const axis = ticks(xMost)
    .filter((tick) => tick <= xMost)
    .map((tick) => text(x(tick), y(0) + 16, shown(tick), 'middle'));
  const paths = lines.map(({ name, points: own }) => {
    const path = own
      .filter(([, value]) => Number.isFinite(value))
      .map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    return `<polyline points="${path.join(' ')}" stroke="${colour(colourOf(name))}"><title>${escaped(name)}</title></polyline>`;
  });
  const labels = [text(LEFT, 10, yLabel), text(WIDTH - 20, y(0) + 34, xLabel, 'end')];
  return svg(top + PLOT_HEIGHT + 40, [...grid, ...axis, ...labels, ...paths], title);
};
