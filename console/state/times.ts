/** Times and numbers as the console writes them: all times in UTC, all numbers with each of their digits. */

/** `2026-01-31 12:00:00.000`, in UTC. @param time milliseconds since 1970, or ISO 8601 */
export const utc = (time: number | string | null | undefined): string => {
  if (time === null || time === undefined) return '–';
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString().replace('T', ' ').replace('Z', '');
};
/** `12:00:00`, in UTC. */
export const utcTime = (time: number): string => new Date(time).toISOString().slice(11, 19);

/** `1,234,567` */
export const count = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : value.toLocaleString('en-US', { maximumFractionDigits: 1 });

/** `850 ms`, `1.2 s`, `4 min 10 s`, `2 h 5 min`. @param ms milliseconds */
export const duration = (ms: number | null | undefined): string => {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

/** How old something is, in whole seconds. @param ms milliseconds */
export const age = (ms: number): string =>
  ms < 10_000 ? `${Math.max(0, Math.floor(ms / 1_000))} s` : duration(ms);

/** When an id of version 7 was made, in milliseconds since 1970 (RFC 9562, 5.7); undefined if it does not say. */
export const timeOfId = (id: string): number | undefined => {
  const digits = id.replaceAll('-', '');
  return digits[12] === '7' ? Number.parseInt(digits.slice(0, 12), 16) : undefined;
};
