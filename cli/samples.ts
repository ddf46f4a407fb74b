/** Whether the service keeps up, as its console is told: the API takes a sample a second while somebody listens. */
import type { Api } from './api.ts';
import { events } from './sse.ts';

/** What `GET /console/api/overview` says of a moment; null is what nobody can tell just now. */
export interface Sample {
  accepted: number | null;
  applied: number | null;
  waiting: number | null;
  delayed: number | null;
  dead: number | null;
  oldest_ms: number | null;
  hub_lag_ms: number | null;
  consumers: number | null;
}

/** The first sample has no rates yet, and some ages come later. */
const SAMPLES_AT_MOST = 3;
const WITHIN_MS = 5_000;

/**
 * Hears the samples, from the newest one that there is.
 * @param signal ends it
 * @throws CommandError if the admin password is missing or wrong, or the API does not answer at first
 */
export async function* samplesOf(api: Api, signal: AbortSignal): AsyncGenerator<Sample> {
  for await (const { data } of events(api, '/console/api/overview', () => {}, signal, api.signIn)) {
    const { samples } = JSON.parse(data) as { samples: Sample[] };
    const newest = samples.at(-1);
    if (newest) yield newest;
  }
}

const isComplete = ({ accepted, applied, waiting, oldest_ms }: Sample): boolean =>
  [accepted, applied, waiting, oldest_ms].every((value) => value !== null);

/**
 * @returns the first sample that says everything, or the last one of a few; undefined if there is none in time
 * @throws CommandError as `samplesOf` does
 */
export const oneSample = async (api: Api): Promise<Sample | undefined> => {
  const found: Sample[] = [];
  for await (const sample of samplesOf(api, AbortSignal.timeout(WITHIN_MS))) {
    found.push(sample);
    if (isComplete(sample) || found.length === SAMPLES_AT_MOST) break;
  }
  return found.at(-1);
};

/** What a sample says, in the words of this command. */
export const told = (sample: Sample | undefined) => ({
  waiting: sample?.waiting ?? null,
  oldest_ms: sample?.oldest_ms ?? null,
  delayed: sample?.delayed ?? null,
  total_dead_letters: sample?.dead ?? null,
  hub_lag_ms: sample?.hub_lag_ms ?? null,
  consumers: sample?.consumers ?? null,
  accepted_per_second: sample?.accepted ?? null,
  applied_per_second: sample?.applied ?? null,
});
export type Told = ReturnType<typeof told>;

/**
 * A duration in milliseconds for people, for a column of the terminal. The console, which takes no code from the service,
 * has one of its own, and room for the seconds after the minutes.
 */
export const duration = (ms: number | null): string | undefined => {
  if (ms === null) return undefined;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};
