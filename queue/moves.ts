/**
 * Moves messages: publishes them to the new queue, waits for the confirm, then acknowledges them in the old one. A
 * crash in between makes a duplicate, never a loss.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumeMessage } from 'amqplib';
import type { Observer } from '../process/observer.ts';
import type { Broker } from './broker.ts';
import { PublishError, reasonOf } from './errors.ts';
import { carriedHeaders, carriedProperties, deliveryId } from './headers.ts';
import { DELAYS_MS, deadQueue, delayAfter, retryQueue } from './topology.ts';

/** How long we wait before we try again to move a message, if the broker is away. */
const AWAY_PAUSE_MS = 1_000;
/** The same if the broker refused it. From the first try with another queue on the pause doubles each time. */
const REFUSED_PAUSE_MS = 1_000;
const REFUSED_PAUSE_MAX_MS = 60_000;
/** How often we try the queue it is meant for. Meanwhile a queue that is gone is declared again. */
const TRIES_BEFORE_ELSEWHERE = 6;
const MAX_ERROR_BYTES = 1_000;
/** How many bytes of bodies may be on their way at the same time. A larger body goes alone. */
const MAX_MOVING_BYTES = 8 * 2 ** 20;
const MAX_ATTEMPTS_SAID = 1_000_000;

/**
 * Where a delivery went: to a delay queue, to the dead letters, or back to the broker, because its channel closed or
 * the process ends. `attempt` is how often the job has been tried by now, `delayMs` milliseconds.
 */
export type Moved =
  | { outcome: 'retried'; attempt: number; delayMs: number }
  | { outcome: 'dead'; attempt: number }
  | { outcome: 'returned' };

/** The headers that tell of a job's failures. */
type Story = Record<`x-${string}`, string | number>;
interface Told {
  /** How often the job has failed by now. */
  failures: number;
  own: Story;
}

/** The delivery, as far as a move needs it. */
export interface Held {
  message: ConsumeMessage;
  /** Whether its channel is open, so that it is still ours. */
  isOpen(): boolean;
  acknowledge(): void;
  /** Rejects it, so that the broker moves it to the dead letters itself. */
  reject(): void;
}

/**
 * A gate that admits work in the order in which it comes, as long as all work inside has `limit` bytes at the most.
 * Larger work is admitted when nothing else is inside.
 */
const byteGate = (limit: number) => {
  let inHand = 0;
  const waiting: { bytes: number; enter: () => void }[] = [];
  const admit = () => {
    for (let [first] = waiting; first && (inHand === 0 || inHand + first.bytes <= limit); [first] = waiting) {
      inHand += first.bytes;
      waiting.shift();
      first.enter();
    }
  };
  return async <T>(bytes: number, work: () => Promise<T>): Promise<T> => {
    await new Promise<void>((enter) => {
      waiting.push({ bytes, enter });
      admit();
    });
    try {
      return await work();
    } finally {
      inHand -= bytes;
      admit();
    }
  };
};

/**
 * How often the job has failed before; 0 if the header cannot be ours, as another publisher may have put anything
 * there.
 */
export const failuresBefore = (header: unknown): number =>
  Number.isInteger(header) ? Math.min(Math.max(0, Number(header)), MAX_ATTEMPTS_SAID) : 0;

const isTime = (header: unknown): header is string =>
  typeof header === 'string' && header.length <= 40 && !Number.isNaN(Date.parse(header));

/**
 * What moves deliveries to delay queues and to the dead letters.
 * @param maxAttempts how often a job is tried before it becomes a dead letter
 * @param isEnding returns whether the process is about to end: then a move that fails is not tried again
 */
export const createMover = (
  broker: Broker,
  observer: Observer,
  { maxAttempts, isEnding }: { maxAttempts: number; isEnding: () => boolean },
) => {
  const dead = deadQueue(broker.queue);
  const delayOf = new Map(DELAYS_MS.map((ms): [string, number] => [retryQueue(broker.queue, ms), ms]));
  /** The delay queues, the longest delay first. */
  const delays = [...delayOf.keys()].reverse();
  const throughGate = byteGate(MAX_MOVING_BYTES);
  /**
   * The problems of queues that the observer was told of, so that it hears of each once until the queue works again.
   */
  const said = new Set<string>();

  const send = async (to: string, message: ConsumeMessage, own: Story, bare: boolean) => {
    const properties = bare ? { messageId: deliveryId(message) } : carriedProperties(message);
    const foreign = bare ? {} : (message.properties.headers ?? {});
    const headers = carriedHeaders(foreign, own, broker.frameMax());
    await throughGate(message.content.length, () =>
      broker.publish(to, message.content, { ...properties, headers }),
    );
    for (const problem of said) if (problem.startsWith(`${to} `)) said.delete(problem);
  };

  /**
   * Moves a delivery, and tries for as long as it is ours. Meanwhile it takes up a place in the prefetch, which is
   * better than to lose the job.
   */
  const move = async (held: Held, to: string, { own, failures: attempt }: Told): Promise<Moved> => {
    let refusals = 0;
    let bare = false;
    let told = false;
    while (held.isOpen()) {
      // A message that its queue refuses again and again must not block the prefetch: it goes to a delay queue and comes back.
      const beyond = Math.max(0, refusals - TRIES_BEFORE_ELSEWHERE + 1);
      const places = [to, ...delays];
      const place = places[beyond % places.length] ?? to;
      try {
        await send(place, held.message, own, bare);
        held.acknowledge();
        return place === dead
          ? { outcome: 'dead', attempt }
          : { outcome: 'retried', attempt, delayMs: delayOf.get(place) ?? 0 };
      } catch (failure) {
        const reason = reasonOf(failure);
        if (!told && !said.has(`${place} ${reason}`))
          observer.moveDelayed({ queue: place, reason, movedFor: String(own['x-reason']) });
        told = true;
        said.add(`${place} ${reason}`);
        // A delivery without an answer goes back to the queue.
        if (isEnding()) break;
        if (failure instanceof PublishError && failure.outcome === 'impossible') {
          if (!bare) {
            bare = true;
            continue;
          }
          if (broker.deadLettersRejected()) {
            held.reject();
            return { outcome: 'dead', attempt };
          }
        }
        const isAway = !broker.takesMessages();
        const pause = isAway ? AWAY_PAUSE_MS : Math.min(REFUSED_PAUSE_MAX_MS, REFUSED_PAUSE_MS * 2 ** beyond);
        if (!isAway) refusals++;
        await sleep(pause, undefined, { ref: false });
      }
    }
    return { outcome: 'returned' };
  };

  /** How often the job has failed by now, and the headers that say so. */
  const storyOf = ({ message }: Held, reason: string, error: string): Told => {
    const headers = message.properties.headers ?? {};
    const failures = failuresBefore(headers['x-attempts']) + 1;
    const now = new Date().toISOString();
    const own: Story = {
      'x-attempts': failures,
      'x-reason': reason,
      'x-error': Buffer.from(error).subarray(0, MAX_ERROR_BYTES).toString(),
      'x-first-failed-at': isTime(headers['x-first-failed-at']) ? headers['x-first-failed-at'] : now,
      'x-last-failed-at': now,
      'x-queue': broker.queue,
    };
    return { failures, own };
  };

  return {
    /** Moves a delivery to the dead letters. @returns where it went. Never rejects. */
    deadLetter: (held: Held, reason: string, error: string): Promise<Moved> =>
      move(held, dead, storyOf(held, reason, error)),

    /**
     * Moves a delivery to a delay queue, or to the dead letters if it has failed often enough.
     * @returns where it went. Never rejects.
     */
    retry: (held: Held, reason: string, error: string): Promise<Moved> => {
      const story = storyOf(held, reason, error);
      const delay = retryQueue(broker.queue, delayAfter(story.failures));
      return move(held, story.failures >= maxAttempts ? dead : delay, story);
    },
  };
};
