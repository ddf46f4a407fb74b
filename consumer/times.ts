/** The times that jobs give, and how far they can be believed. */

import type { AcceptedJob } from '../domain/plan.ts';
import { shown } from '../domain/validate.ts';
import { type Clock, isTime, MAX_AHEAD } from '../domain/versions.ts';
import type { Entry } from '../jobs/applied.ts';

/**
 * The greatest version that anybody can have given out by now. It goes by this machine's clock or the shared one,
 * whichever is later, so a consumer whose clock is slow refuses no good job.
 */
export const latestOf = (clock: Clock): number => Math.max(Date.now() * 1000, clock.now()) + MAX_AHEAD;

/** A job with the time of its acceptance: the job's own, or else its message's, or else the time when it came. */
export const accepted = ({ job, delivery }: Entry): AcceptedJob => {
  const said = Date.parse(job.accepted_at ?? '');
  const { attempts, requestId, redelivered } = delivery;
  if (isTime(said * 1000)) return { job, acceptedAt: new Date(said), attempts, requestId, redelivered };
  const publishedAt = delivery.publishedAt();
  if (publishedAt) return { job, acceptedAt: publishedAt, attempts, requestId, redelivered };
  return { job, acceptedAt: delivery.receivedAt, byOwnClock: true, attempts, requestId, redelivered };
};

/** If a job's time is from this process's own clock, corrects it by the shared clock. */
export const inSharedTime =
  (clock: Clock) =>
  (accepted: AcceptedJob): AcceptedJob =>
    accepted.byOwnClock
      ? { ...accepted, acceptedAt: new Date(clock.corrected(accepted.acceptedAt.getTime())) }
      : accepted;

/** When a job was accepted, in microseconds since 1970. A job's version says it more exactly than anything else. */
const momentOf = ({ job, acceptedAt }: AcceptedJob): number =>
  job.version !== undefined && isTime(job.version) ? job.version : acceptedAt.getTime() * 1000;

/** Whether a job was accepted before the last reset. @param lastReset the reset's version, 0 if there was none */
export const isVoid = (accepted: AcceptedJob, lastReset: number): boolean => momentOf(accepted) <= lastReset;

/** If a job's version is newer than the last reset but its time of acceptance is not, moves that time behind it. */
export const notBefore = (accepted: AcceptedJob, lastReset: number): AcceptedJob =>
  accepted.acceptedAt.getTime() * 1000 > lastReset
    ? accepted
    : { ...accepted, acceptedAt: new Date(Math.floor(lastReset / 1000) + 1) };

/**
 * What is wrong with a job's version or time, if it is further ahead than any clock can be.
 * @param latest the greatest version that can be right
 * @returns a sentence for the dead letter, or undefined
 */
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
