/**
 * Taking jobs from the queue. Each delivery ends in exactly one of three ways: acknowledged, moved to a delay
 * queue, or moved to the dead letters.
 */
import type { ConsumeMessage, MessageProperties } from 'amqplib';
import type { JobType } from '../domain/jobs.ts';
import { isTime } from '../domain/versions.ts';
import type { Config } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';
import type { Carrier } from '../process/tracing.ts';
import { acceptedAt } from './backlog.ts';
import { openBroker } from './broker.ts';
import { AWAITED } from './headers.ts';
import { createMover, failuresBefore, type Held, type Moved } from './moves.ts';
import type { Notes } from './notes.ts';
import { openSubscriptions, type Subscription } from './subscriptions.ts';
import { DELAYS_MS } from './topology.ts';

/** How long it may take from the end of a delay until a consumer has the job. */
const DELAY_MARGIN_MS = 5_000;

const answer = (
  { acknowledger, open }: Subscription,
  observer: Observer,
  give: (acknowledger: Subscription['acknowledger']) => void,
) => {
  if (!open) return;
  try {
    give(acknowledger);
  } catch (error) {
    // The channel has closed, so the broker delivers the message again.
    observer.answerTooLate({ error });
  }
};

const SECOND_MS = 1_000;

/**
 * The latest time at which a message can have been published, or undefined if the message tells nothing of it. An AMQP
 * timestamp is in whole seconds (0-9-1, 4.2.5.4), so the end of that second counts. A job that has failed was published
 * before its first failure, and every job before it was received.
 */
const publishedAt = ({ timestamp, headers }: MessageProperties, receivedAt: Date): Date | undefined => {
  const failed = headers?.['x-first-failed-at'];
  const said = [
    typeof timestamp === 'number' ? (timestamp + 1) * SECOND_MS - 1 : Number.NaN,
    typeof failed === 'string' ? Date.parse(failed) : Number.NaN,
  ].filter((ms) => isTime(ms * 1000));
  return said.length > 0 ? new Date(Math.min(...said, receivedAt.getTime())) : undefined;
};

/** The types of jobs that create no order. A message without a type may create one. */
const createsNothing = new Set<unknown>(['update_order_status', 'delete_order'] satisfies JobType[]);

/** What all deliveries share. */
interface Taking {
  mover: ReturnType<typeof createMover>;
  observer: Observer;
  maxAttempts: number;
  /** Notes that an order may wait in a delay queue. */
  delayed: () => void;
}

/**
 * A message that the broker has handed over. This is a class so that all share their methods: with a backlog there are
 * very many.
 */
export class Delivery {
  readonly #message: ConsumeMessage;
  readonly #taking: Taking;
  readonly #received = Date.now();
  readonly subscription: Subscription;

  constructor(message: ConsumeMessage, subscription: Subscription, taking: Taking) {
    this.#message = message;
    this.subscription = subscription;
    this.#taking = taking;
  }

  get receivedAt(): Date {
    return new Date(this.#received);
  }

  get body(): Buffer {
    return this.#message.content;
  }

  /** Whether the broker has delivered it before, to a consumer that went away without an answer. */
  get redelivered(): boolean {
    return this.#message.fields.redelivered;
  }

  /** The id of the HTTP request, if the publisher gave one. */
  get requestId(): string | undefined {
    return this.#message.properties.correlationId;
  }

  /** Where its trace goes on, if its publisher has said so. */
  get carrier(): Carrier | undefined {
    return this.#message.properties.headers;
  }

  /** Whether a client waits for the end of its job. */
  get isAwaited(): boolean {
    return this.#message.properties.headers?.[AWAITED] === true;
  }

  /** How often its job has been tried by now, this time included. */
  get attempts(): number {
    return failuresBefore(this.#message.properties.headers?.['x-attempts']) + 1;
  }

  /** Whether its job becomes a dead letter if it fails once more. */
  get isLast(): boolean {
    return this.attempts >= this.#taking.maxAttempts;
  }

  get tag(): number {
    return this.#message.fields.deliveryTag;
  }

  /** The latest time at which it can have been published, or undefined if the message tells nothing of it. */
  publishedAt(): Date | undefined {
    return publishedAt(this.#message.properties, this.receivedAt);
  }

  /**
   * Whether its channel has closed. If so, no answer reaches the broker any more, and it delivers the message again.
   */
  isLost(): boolean {
    return !this.subscription.open;
  }

  /**
   * Moves it to a delay queue, from which it comes back, or to the dead letters if it has failed often enough.
   * @param reason a word for the failure
   * @param error a sentence
   * @returns where it went. Never rejects.
   */
  retry(reason: string, error: string): Promise<Moved> {
    const { mover, delayed } = this.#taking;
    if (!createsNothing.has(this.#message.properties.type)) delayed();
    return mover.retry(this.#held(), reason, error);
  }

  /** Moves it to the dead letters. @returns where it went. Never rejects. */
  deadLetter(reason: string, error: string): Promise<Moved> {
    return this.#taking.mover.deadLetter(this.#held(), reason, error);
  }

  #held(): Held {
    const { subscription } = this;
    const { observer } = this.#taking;
    return {
      message: this.#message,
      isOpen: () => subscription.open,
      acknowledge: () => answer(subscription, observer, ({ acknowledge }) => acknowledge([this.tag])),
      reject: () => answer(subscription, observer, ({ reject }) => reject(this.tag)),
    };
  }
}

/**
 * Subscribes to the queue of jobs, and again after each reconnection. Jobs are moved over a connection of their own: a
 * broker that is short of memory reads nothing from connections that publish, so acknowledgements must not share one.
 * @param prefetch how many unanswered jobs the broker hands out at the most
 * @param onDelivery is called for each job as it arrives
 * @param priority consumers with a lower one get only jobs for which those above have no room
 * @param notes where it notes how far it is if it cannot be asked, if there is such a place
 */
export const takeJobs = async (
  config: Config['rabbitmq'],
  observer: Observer,
  prefetch: number,
  onDelivery: (delivery: Delivery) => void,
  { priority = 0, notes }: { priority?: number; notes?: Notes } = {},
) => {
  const { maxAttempts } = config;
  const broker = await openBroker(config, observer);
  let ending = false;
  const mover = createMover(broker, observer, { maxAttempts, isEnding: () => ending });

  /** Until when a job that this process put into a delay queue, and that may create an order, can still wait there. */
  let delayedUntil = Number.NEGATIVE_INFINITY;
  const delayed = () => {
    delayedUntil = performance.now() + Math.max(...DELAYS_MS) + DELAY_MARGIN_MS;
  };

  const taking = { mover, observer, maxAttempts, delayed };
  const subscriptions = await openSubscriptions(config, observer, {
    prefetch,
    priority,
    onMessage: (message, subscription) => onDelivery(new Delivery(message, subscription, taking)),
    answer: (replyTo) => broker.answer(replyTo),
    hasNoneDelayed: () => performance.now() > delayedUntil,
    notes,
  });

  return {
    /** Acknowledges deliveries whose jobs are done. The broker delivers those of a channel that has closed again. */
    acknowledge: (deliveries: Delivery[]): void => {
      const bySubscription = new Map<Subscription, number[]>();
      for (const { subscription, tag } of deliveries) {
        const tags = bySubscription.get(subscription);
        if (tags) tags.push(tag);
        else bySubscription.set(subscription, [tag]);
      }
      for (const [subscription, tags] of bySubscription)
        answer(subscription, observer, ({ acknowledge }) => acknowledge(tags));
    },
    /**
     * How many jobs this process has that it has not answered, and when the one of them that it has had for longest was
     * accepted, in milliseconds since 1970; undefined if it has none.
     */
    inHand: (): { jobs: number; acceptedAt: number | undefined } => {
      const { count: jobs, oldest } = subscriptions.inHand();
      return { jobs, acceptedAt: oldest && acceptedAt(oldest) };
    },
    /** Ends the subscription: no more deliveries arrive, and those that did can still be answered. Never rejects. */
    stop: async (): Promise<void> => {
      ending = true;
      await subscriptions.stop();
    },
    /** Closes the channel, then the connection; the broker takes back what was not answered. Never rejects. */
    close: async (): Promise<void> => {
      await Promise.all([subscriptions.close(), broker.close()]);
    },
  };
};
