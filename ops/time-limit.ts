/** How long the scripts wait. */

const DEFAULT_SECONDS = 30;

/**
 * A time limit of the scripts. It is set in seconds, in the environment only, as stopping reads no settings.
 * @returns milliseconds, 30,000 if it is not set
 * @throws Error if it is not a number of seconds above 0
 */
export const timeLimit = (variable: 'START_TIMEOUT' | 'STOP_TIMEOUT'): number => {
  const given = process.env[variable] || DEFAULT_SECONDS;
  const seconds = Number(given);
  if (seconds > 0 && Number.isFinite(seconds)) return seconds * 1000;
  throw new Error(`${variable} must be a number of seconds above 0, got ${JSON.stringify(given)}.`);
};
