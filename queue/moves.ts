/**
 * Moving messages: published to the new place and confirmed, then acknowledged in the old one. A crash in between
 * makes a duplicate, never a loss.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumeMessage } from 'amqplib';
import type { Observer } from '../process/observer.ts';
import type { Broker } from './broker.ts';
import { PublishError, reasonOf } from './errors.ts';
import { carriedHeaders, carriedProperties, deliveryId } from './headers.ts';
import { DELAYS_MS, deadQueue, delayAfter, retryQueue } from './topology.ts';

/** How long a message that could not be moved stays with us before we try again, where the broker is away. */
const AWAY_PAUSE_MS = 1_000;
/** Where it was refused; from the first try elsewhere on twice as long each time. */
const REFUSED_PAUSE_MS = 1_000;
const REFUSED_PAUSE_MAX_MS = 60_000;
/** A queue that is gone is declared again meanwhile. */
const TRIES_BEFORE_ELSEWHERE = 6;
const MAX_ERROR_BYTES = 1_000;
/** Of bodies on their way at once. A larger one goes alone. */
const MAX_MOVING_BYTES = 8 * 2 ** 20;
const MAX_ATTEMPTS_SAID = 1_000_000;

/**
 * Where a delivery went: to a delay queue, to the dead letters, or, as it is not ours any more, back to the broker.
 * `attempt` is how often the job has been tried by now.
 */
export type Moved =
  | { outcome: 'retried'; attempt: number; delayMs: number }
  | { outcome: 'dead'; attempt: number }
  | { outcome: 'returned' };

/** Of its failures, as headers. */
type Story = Record<`x-${string}`, string | number>;
interface Told {
  /** How often the job has failed by now. */
  failures: number;
  own: Story;
}

/** What a move needs of the delivery. */
export interface Held {
  message: ConsumeMessage;
  /** Whether it is still ours. */
  isOpen(): boolean;
  acknowledge(): void;
  /** Hands it to the broker's own dead-lettering. */
  reject(): void;
}

/** Begins work in its order, as long as all of it together has at most so many bytes. Larger work runs alone. */
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

/** How often the job has failed before, as far as the header is ours: another publisher may have put anything there. */
const failuresBefore = (header: unknown): number =>
  Number.isInteger(header) ? Math.min(Math.max(0, Number(header)), MAX_ATTEMPTS_SAID) : 0;

const isTime = (header: unknown): header is string =>
  typeof header === 'string' && header.length <= 40 && !Number.isNaN(Date.parse(header));

/**
 * @param maxAttempts how often a job is tried before it is a dead letter
 * @param isEnding whether the process is about to end
 */
export const createMover = (
  broker: Broker,
  observer: Observer,
  { maxAttempts, isEnding }: { maxAttempts: number; isEnding: () => boolean },
) => {
  const dead = deadQueue(broker.queue);
  const delayOf = new Map(DELAYS_MS.map((ms): [string, number] => [retryQueue(broker.queue, ms), ms]));
  /** The longest delay first. */
  const delays = [...delayOf.keys()].reverse();
  const throughGate = byteGate(MAX_MOVING_BYTES);
  /** What was told of a queue since it took a message: many may wait for the same thing. */
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

  /** Tries for as long as the delivery is ours, and so keeps its place in the prefetch: better than to lose the job. */
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
    /** Never rejects. */
    deadLetter: (held: Held, reason: string, error: string): Promise<Moved> =>
      move(held, dead, storyOf(held, reason, error)),

    /** To a delay queue, or to the dead letters when it has failed often enough. Never rejects. */
    retry: (held: Held, reason: string, error: string): Promise<Moved> => {
      const story = storyOf(held, reason, error);
      const delay = retryQueue(broker.queue, delayAfter(story.failures));
      return move(held, story.failures >= maxAttempts ? dead : delay, story);
    },
  };
};
