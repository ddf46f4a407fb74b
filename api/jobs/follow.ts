/**
 * The stream of one job: it begins with the job's state and ends when the job is over. What Redis tells is sent at once;
 * every minute, and every second while Redis tells nothing, the stream also asks for itself. The id of an event says
 * what the client knows, so any process can go on from it, also without Redis.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { jittered } from '../../process/jitter.ts';
import { couldNotRead } from '../http/errors.ts';
import type { EventStream } from '../http/sse.ts';
import { isOver, type Job, ofEvent } from './answers.ts';
import type { Coordinates } from './find.ts';
import { notices, stateFrame, stateId } from './frames.ts';

const ASK_MS = 1_000;
/** With every so many heartbeats the stream asks: thousands of them at once must be no load for MySQL. */
const BEATS_PER_QUESTION = 4;

/** What a request asks to follow. */
interface Followed {
  jobId: string;
  link?: Coordinates | undefined;
  /** The id of the last event that the client has. */
  lastId: string | undefined;
}

/** @returns a function that answers a request; it returns false if there is no such job, and has not answered then */
export const jobFollower =
  ({ jobs, listening, openStream }: Pick<FastifyInstance, 'jobs' | 'listening' | 'openStream'>) =>
  async (reply: FastifyReply, { jobId, link, lastId }: Followed): Promise<boolean> => {
    let stream: EventStream | undefined;
    let shown = lastId;
    let early: Job | undefined;
    let asking: NodeJS.Timeout | undefined;
    let beats = 0;

    const show = (job: Job): void => {
      if (stream === undefined) {
        if (isOver(job.status)) early ??= job;
        return;
      }
      const id = stateId(job);
      if (id !== shown) stream.send(stateFrame(job));
      shown = id;
      if (isOver(job.status)) stream.end();
    };
    const ask = async (): Promise<void> => {
      // Whether MySQL is there is told elsewhere.
      const job = await jobs.one(jobId, link).catch(() => undefined);
      if (job && job.status !== 'unknown') show(job);
    };
    const askIfNeeded = (): void => {
      clearTimeout(asking);
      if (listening.isLive() || !stream?.isOpen) return;
      asking = setTimeout(() => ask().then(askIfNeeded), jittered(ASK_MS)).unref();
    };
    const stop = listening.toJob(jobId, {
      heard: (all) => {
        for (const { event } of all) show(ofEvent(event));
      },
      live: (isLive) => {
        stream?.send(isLive ? notices.recovered : notices.degraded);
        askIfNeeded();
      },
    });
    const end = (): void => {
      stop();
      clearTimeout(asking);
    };

    try {
      await listening.begun();
      // An EventSource never comes back after an error, so this waits with it until somebody knows.
      const job = await jobs.one(jobId, link).catch((error) => {
        if (couldNotRead(error)) return null;
        throw error;
      });
      if (job === undefined) {
        end();
        return false;
      }
      if (job && isOver(job.status) && stateId(job) === lastId) {
        end();
        reply.code(204).send();
        return true;
      }
      stream = openStream(reply, end);
      stream.beat = () => {
        if (++beats % BEATS_PER_QUESTION === 0) void ask();
      };
      if (!listening.isLive()) stream.send(notices.degraded);
      if (job) show(job);
      if (early) show(early);
      askIfNeeded();
      return true;
    } catch (error) {
      end();
      throw error;
    }
  };
