/**
 * Taking jobs from the queue. Each delivery ends in exactly one of three ways: acknowledged, moved to a delay
 * queue, or moved to the dead letters.
 */
import type { Channel, ChannelModel, ConsumeMessage, MessageProperties } from 'amqplib';
import type { JobType } from '../domain/jobs.ts';
import { isTime } from '../domain/versions.ts';
import type { Config } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';
import { createAcknowledger } from './acknowledger.ts';
import { openBroker } from './broker.ts';
import { openConnection } from './connection.ts';
import { createMover, type Held, type Moved } from './moves.ts';
import { answerQuestions } from './progress.ts';
import { DELAYS_MS } from './topology.ts';

const CLOSE_TIMEOUT_MS = 2_000;
/** From the end of a delay to a consumer that has the job. */
const DELAY_MARGIN_MS = 5_000;

interface Subscription {
  channel: Channel;
  open: boolean;
  consumerTag?: string;
  acknowledger: ReturnType<typeof createAcknowledger>;
}

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
 * An AMQP timestamp is in whole seconds (0-9-1, 4.2.5.4). A job that has failed was there before that, and each was
 * before it came.
 */
const publishedAt = ({ timestamp, headers }: MessageProperties, receivedAt: Date): Date | undefined => {
  const failed = headers?.['x-first-failed-at'];
  const said = [
    typeof timestamp === 'number' ? (timestamp + 1) * SECOND_MS - 1 : Number.NaN,
    typeof failed === 'string' ? Date.parse(failed) : Number.NaN,
  ].filter((ms) => isTime(ms * 1000));
  return said.length > 0 ? new Date(Math.min(...said, receivedAt.getTime())) : undefined;
};

/** Types of jobs; what says nothing of its type may be a create. */
const createsNothing = new Set<unknown>(['update_order_status', 'delete_order'] satisfies JobType[]);

/** What deliveries of one subscription have in common. */
interface Taking {
  subscription: Subscription;
  mover: ReturnType<typeof createMover>;
  observer: Observer;
  /** Notes that an order may wait in a delay queue. */
  delayed: () => void;
}

/** A message that the broker has handed over. A class, as a backlog is so many of them: their methods are shared. */
export class Delivery {
  readonly #message: ConsumeMessage;
  readonly #taking: Taking;
  readonly receivedAt = new Date();

  constructor(message: ConsumeMessage, taking: Taking) {
    this.#message = message;
    this.#taking = taking;
  }

  get body(): Buffer {
    return this.#message.content;
  }

  /** Whether the broker has delivered it before: its consumer went away before it answered. */
  get redelivered(): boolean {
    return this.#message.fields.redelivered;
  }

  /** The id of the HTTP request, where the publisher gave one. */
  get requestId(): string | undefined {
    return this.#message.properties.correlationId;
  }

  get tag(): number {
    return this.#message.fields.deliveryTag;
  }

  get subscription(): Subscription {
    return this.#taking.subscription;
  }

  /** When it was published at the latest, where the message says something of that. */
  publishedAt(): Date | undefined {
    return publishedAt(this.#message.properties, this.receivedAt);
  }

  /** Whether its channel has closed: then the broker delivers it once more, and no answer reaches it. */
  isLost(): boolean {
    return !this.#taking.subscription.open;
  }

  /** Back to the queue after a delay, or to the dead letters when it has been tried often enough. Never rejects. */
  retry(reason: string, error: string): Promise<Moved> {
    const { mover, delayed } = this.#taking;
    if (!createsNothing.has(this.#message.properties.type)) delayed();
    return mover.retry(this.#held(), reason, error);
  }

  /** Never rejects. */
  deadLetter(reason: string, error: string): Promise<Moved> {
    return this.#taking.mover.deadLetter(this.#held(), reason, error);
  }

  #held(): Held {
    const { subscription, observer } = this.#taking;
    return {
      message: this.#message,
      isOpen: () => subscription.open,
      acknowledge: () => answer(subscription, observer, ({ acknowledge }) => acknowledge([this.tag])),
      reject: () => answer(subscription, observer, ({ reject }) => reject(this.tag)),
    };
  }
}

/**
 * Subscribes to the queue of jobs, and again after each reconnection. Moving has a connection of its own: from
 * one that publishes, a broker short of memory would not read acknowledgements either.
 * @param prefetch how many jobs the broker hands out before the first is answered
 * @param onDelivery is called for each job as it arrives
 */
export const takeJobs = async (
  config: Config['rabbitmq'],
  observer: Observer,
  prefetch: number,
  onDelivery: (delivery: Delivery) => void,
) => {
  const { queue, maxAttempts } = config;
  const broker = await openBroker(config, observer);
  let subscription: Subscription | undefined;
  let ending = false;
  const mover = createMover(broker, observer, { maxAttempts, isEnding: () => ending });

  /** Until when an order may wait in a delay queue that this process put there. */
  let delayedUntil = Number.NEGATIVE_INFINITY;
  const delayed = () => {
    delayedUntil = performance.now() + Math.max(...DELAYS_MS) + DELAY_MARGIN_MS;
  };

  const subscribe = async (model: ChannelModel) => {
    const channel = await model.createChannel();
    const acknowledger = createAcknowledger(channel);
    const current: Subscription = { channel, open: true, acknowledger };
    const taking = { subscription: current, mover, observer, delayed };
    const begin = () => {
      if (!ending) connection.reconnect();
    };
    channel.on('error', (error) => observer.subscriptionFailed({ reason: error.message }));
    channel.on('close', () => {
      current.open = false;
      begin();
    });
    await channel.prefetch(prefetch);
    const { consumerTag } = await channel.consume(queue, (message) => {
      if (!message) {
        observer.subscriptionEnded({ queue });
        return begin();
      }
      acknowledger.arrived(message.fields.deliveryTag);
      onDelivery(new Delivery(message, taking));
    });
    await answerQuestions(model, channel, queue, {
      whenDone: acknowledger.whenDone,
      answer: (replyTo) => {
        if (performance.now() > delayedUntil) broker.answer(replyTo);
      },
    });
    current.consumerTag = consumerTag;
    subscription = current;
    observer.consuming({ queue, prefetch });
  };
  const connection = await openConnection(config, observer, 'RabbitMQ for consuming', {
    setup: subscribe,
    lost: () => {
      if (subscription) subscription.open = false;
    },
  });

  return {
    /** Answers deliveries whose jobs are done. Those of a channel that has closed are delivered once more. */
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
    /** No further deliveries from here on; those that were made can still be answered. */
    stop: async (): Promise<void> => {
      ending = true;
      if (!subscription?.consumerTag) return;
      const cancelled = subscription.channel.cancel(subscription.consumerTag);
      await withDeadline(cancelled, CLOSE_TIMEOUT_MS).catch(() => {});
    },
    /** Closes the channel, then the connection: the broker takes back what was not answered. */
    close: async (): Promise<void> => {
      // Closing a channel is a round trip behind the answers sent on it; closing the connection may overtake them.
      const closed = subscription?.open ? subscription.channel.close() : Promise.resolve();
      await withDeadline(closed, CLOSE_TIMEOUT_MS).catch(() => {});
      await Promise.all([connection.close(), broker.close()]);
    },
  };
};
