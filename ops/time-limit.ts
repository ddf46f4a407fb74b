/** How long the scripts wait. */

const DEFAULT_SECONDS = 30;

/**
 * A time limit of the scripts, given in seconds in the environment alone: stopping needs no settings.
 * @returns milliseconds
 * @throws Error where what is given is no number of seconds
 */
export const timeLimit = (variable: 'START_TIMEOUT' | 'STOP_TIMEOUT'): number => {
  const given = process.env[variable] || DEFAULT_SECONDS;
  const seconds = Number(given);
  if (seconds > 0 && Number.isFinite(seconds)) return seconds * 1000;
  throw new Error(`${variable} must be a number of seconds above 0, got ${JSON.stringify(given)}.`);
};
