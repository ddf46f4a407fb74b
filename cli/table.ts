/** Tables for a terminal. */
import { styleText } from 'node:util';
import stringWidth from 'string-width';
import { printable } from '../process/log-text.ts';

export type Style = Parameters<typeof styleText>[0];

export interface Column<T> {
  head: string;
  of: (row: T) => string | number | null | undefined;
  /** How it is shown where there are colours. */
  style?: (row: T) => Style | undefined;
  /** Numbers stand to the right. */
  right?: boolean;
}

/** Whether there are colours is decided by who calls it. */
const styled = (style: Style, text: string): string => styleText(style, text, { validateStream: false });

const GAP = '  ';
const NOTHING = '-';

/** A value as a cell: what others wrote can neither end a line nor command a terminal. */
const cell = (value: string | number | null | undefined): string =>
  value === null || value === undefined || value === '' ? NOTHING : printable(String(value));

const graphemes = new Intl.Segmenter();
/** Cuts a text to a width, in columns of a terminal. */
export const cut = (text: string, width: number): string => {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  for (const { segment } of graphemes.segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
};

const padded = (text: string, width: number, right: boolean): string => {
  const blanks = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return right ? blanks + text : text + blanks;
};

export interface TableOptions {
  coloured: boolean;
  /** How many columns the terminal has; the last column is cut to what is left. Not given: nothing is cut. */
  width?: number | undefined;
}

/**
 * Makes a table of rows that come in parts: the widths that the first part needs are kept, or grow.
 * @returns what makes the lines of the next part, the first one with its head
 */
export const tableOf = <T>(columns: Column<T>[], { coloured, width }: TableOptions) => {
  const widths = columns.map(({ head }) => stringWidth(head));
  let headIsDue = true;
  const paint = (text: string, style: Style | undefined) =>
    coloured && style !== undefined ? styled(style, text) : text;

  const line = (cells: string[], style: (column: number) => Style | undefined): string => {
    let left = width ?? Number.POSITIVE_INFINITY;
    const shown = cells.map((text, i) => {
      const isLast = i === cells.length - 1;
      const right = columns[i]?.right === true;
      const own = widths[i] ?? 0;
      const fitted = isLast ? cut(text, Math.max(left, 1)) : text;
      left -= own + GAP.length;
      return paint(isLast && !right ? fitted : padded(fitted, own, right), style(i));
    });
    return `${shown.join(GAP).trimEnd()}\n`;
  };

  return (rows: T[]): string => {
    const cells = rows.map((row) => columns.map(({ of }) => cell(of(row))));
    for (const row of cells)
      for (const [i, text] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, stringWidth(text));
    const head =
      headIsDue && rows.length > 0
        ? line(
            columns.map(({ head }) => head),
            () => 'dim',
          )
        : '';
    if (rows.length > 0) headIsDue = false;
    const body = rows.map((row, r) => line(cells[r] ?? [], (i) => columns[i]?.style?.(row)));
    return head + body.join('');
  };
};

/** One thing by its fields, a line each; a list takes several lines. */
export const recordLines = (
  fields: [name: string, value: string | number | null | undefined | string[], style?: Style][],
  { coloured }: TableOptions,
): string => {
  const width = Math.max(...fields.map(([name]) => name.length));
  const lines = fields.flatMap(([name, value, style]) => {
    const values = Array.isArray(value) ? (value.length > 0 ? value : ['']) : [value];
    return values.map((one, i) => {
      const label = (i === 0 ? name : '').padEnd(width);
      const text = cell(one);
      const painted = coloured && style ? styled(style, text) : text;
      return `${coloured ? styled('dim', label) : label}${GAP}${painted}\n`;
    });
  });
  return lines.join('');
};
