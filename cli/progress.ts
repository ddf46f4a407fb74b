/** A bar on a terminal, and nothing elsewhere. */
const BAR = 40;

/** Shows how much of something is done, on standard error. */
export const showProgress = (made: number, count: number): void => {
  if (!process.stderr.isTTY) return;
  const full = Math.floor((made / count) * BAR);
  const end = made === count ? '\n' : '';
  process.stderr.write(`\r[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${made} of ${count}${end}`);
};
