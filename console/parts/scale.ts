/** Scales and paths of plots. */

/** Steps that people count in. */
const STEPS = [1, 2, 5, 10];
/** For times, in milliseconds: 1, 2 and 5 of each power up to seconds, then those of a clock. */
const TIME_STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5,
  72e5, 216e5, 432e5, 864e5,
];

/**
 * Where the lines of a scale from 0 are.
 * @param most the greatest value
 * @param lines how many there are at the most, without that at 0
 * @returns their values, with 0; the last one is at or above `most`
 */
export const ticks = (most: number, lines: number, isTime = false): number[] => {
  const least = Math.max(most / lines, isTime ? 10 : 1);
  const power = 10 ** Math.floor(Math.log10(least));
  const step =
    (isTime ? TIME_STEPS.find((one) => one >= least) : undefined) ??
    (STEPS.find((one) => one * power >= least) ?? 10) * power;
  const count = Math.max(2, Math.ceil(most / step));
  return Array.from({ length: count + 1 }, (_, at) => at * step);
};

export interface Point {
  x: number;
  /** Null where nothing is known: the line has a gap there. */
  y: number | null;
}

/** The path of a line. @param gap how far two points may be apart at the most to be joined */
export const pathOf = (points: Point[], gap: number): string => {
  let path = '';
  let before: Point | undefined;
  for (const point of points) {
    if (point.y !== null) {
      const joined = before !== undefined && before.y !== null && point.x - before.x <= gap;
      path += `${joined ? 'L' : 'M'}${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
    }
    before = point;
  }
  return path;
};
