/** What jobs say of times, and how much of it can be believed. */

import type { AcceptedJob } from '../domain/plan.ts';
import { shown } from '../domain/validate.ts';
import { type Clock, isTime, MAX_AHEAD } from '../domain/versions.ts';
import type { Entry } from '../jobs/applied.ts';

/** The greatest version that anybody can have given out: a consumer whose own clock is slow refuses no good job. */
export const latestOf = (clock: Clock): number => Math.max(Date.now() * 1000, clock.now()) + MAX_AHEAD;

/** A job with the time of its acceptance: what it says itself, else what its message says, else when it came. */
export const accepted = ({ job, delivery }: Entry): AcceptedJob => {
  const said = Date.parse(job.accepted_at ?? '');
  if (isTime(said * 1000)) return { job, acceptedAt: new Date(said) };
  const publishedAt = delivery.publishedAt();
  if (publishedAt) return { job, acceptedAt: publishedAt };
  return { job, acceptedAt: delivery.receivedAt, byOwnClock: true };
};

/** Corrects a time that this process's own clock gave by the shared clock. */
export const inSharedTime =
  (clock: Clock) =>
  (accepted: AcceptedJob): AcceptedJob =>
    accepted.byOwnClock
      ? { ...accepted, acceptedAt: new Date(clock.corrected(accepted.acceptedAt.getTime())) }
      : accepted;

/** In microseconds; a job's version says it more exactly than anything else. */
const momentOf = ({ job, acceptedAt }: AcceptedJob): number =>
  job.version !== undefined && isTime(job.version) ? job.version : acceptedAt.getTime() * 1000;

/** @param lastReset its version, 0 where there was none */
export const isVoid = (accepted: AcceptedJob, lastReset: number): boolean => momentOf(accepted) <= lastReset;

/** Moves the time of acceptance behind the last reset, for a job whose version is newer than that and whose time is not. */
export const notBefore = (accepted: AcceptedJob, lastReset: number): AcceptedJob =>
  accepted.acceptedAt.getTime() * 1000 > lastReset
    ? accepted
    : { ...accepted, acceptedAt: new Date(Math.floor(lastReset / 1000) + 1) };

/** A sentence for the dead letter where a job is from further ahead than any clock can be. */
export const problemOf = (
  { job: { version, accepted_at }, acceptedAt }: AcceptedJob,
  latest: number,
): string | undefined => {
  // A function, as nearly no job needs this text and a backlog has a microsecond for each job.
  const expected = () =>
    `at most a minute ahead of the clock, which says ${new Date((latest - MAX_AHEAD) / 1000).toISOString()}`;
  if (version !== undefined && version > latest)
    return `version must be a positive integer and, as microseconds since 1970, ${expected()}, got ${version}.`;
  if (accepted_at !== undefined && acceptedAt.getTime() * 1000 > latest)
    return `accepted_at must be ${expected()}, got ${shown(accepted_at)}.`;
  return undefined;
};
