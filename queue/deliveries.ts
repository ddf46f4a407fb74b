/**
 * Taking jobs from the queue. Each delivery ends in exactly one of three ways: acknowledged, moved to a delay
 * queue, or moved to the dead letters. Moving means published to the new place and confirmed, then acknowledged
 * in the old one: a crash in between makes a duplicate, never a loss.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { Config } from '../config.ts';
import { withDeadline } from '../deadline.ts';
import type { Log } from '../log.ts';
import { type Broker, openBroker } from './broker.ts';
import { deadQueue, RETRY_DELAYS_MS, retryQueue } from './topology.ts';

/** How long a message that could not be moved stays with us before the broker gets it back. */
const MOVE_PAUSE_MS = 1_000;
const CLOSE_TIMEOUT_MS = 2_000;

export interface Delivery {
  body: Buffer;
  /** How often the job was tried before. */
  attempts: number;
  /** The id of the HTTP request, where the publisher gave one. */
  requestId: string | undefined;
  receivedAt: Date;
  /** Whether its channel has closed: then the broker delivers it once more, and no answer reaches it. */
  isLost(): boolean;
  acknowledge(): void;
  /** Back to the queue after a delay, or to the dead letters when it has been tried often enough. */
  retry(reason: string, error: string): Promise<'retried' | 'dead'>;
  deadLetter(reason: string, error: string): Promise<void>;
}

interface Subscription {
  channel: Channel;
  open: boolean;
  consumerTag?: string;
}

const toDelivery = (
  message: ConsumeMessage,
  subscription: Subscription,
  broker: Broker,
  log: Log,
): Delivery => {
  const { channel } = subscription;
  const { properties, content: body } = message;
  const headers = properties.headers ?? {};
  const attempts = Number(headers['x-attempts']) || 0;

  /** A closed channel takes no answer; the broker delivers what it held once more. */
  const answer = (how: () => void) => {
    try {
      how();
    } catch (error) {
      log.debug({ err: error }, 'the channel closed before a delivery was answered');
    }
  };

  const move = async (to: string, reason: string, error: string) => {
    const now = new Date().toISOString();
    const story = {
      'x-attempts': attempts + 1,
      'x-reason': reason,
      'x-error': error.slice(0, 1_000),
      'x-first-failed-at': headers['x-first-failed-at'] ?? now,
      'x-last-failed-at': now,
      'x-queue': broker.queue,
    };
    try {
      await broker.publish(to, body, {
        messageId: properties.messageId || `${message.fields.consumerTag}-${message.fields.deliveryTag}`,
        correlationId: properties.correlationId,
        headers: { ...headers, ...story },
        timestamp: properties.timestamp,
        type: properties.type,
      });
      answer(() => channel.ack(message));
    } catch (failure) {
      log.warn({ err: failure, to }, 'a message could not be moved and goes back to its queue');
      await sleep(MOVE_PAUSE_MS);
      answer(() => channel.nack(message, false, true));
    }
  };
  const deadLetter = (reason: string, error: string) => move(deadQueue(broker.queue), reason, error);

  return {
    body,
    isLost: () => !subscription.open,
    attempts,
    requestId: properties.correlationId,
    receivedAt: new Date(),
    acknowledge: () => answer(() => channel.ack(message)),
    deadLetter,
    retry: async (reason, error) => {
      const delay = RETRY_DELAYS_MS[attempts];
      if (delay === undefined) {
        await deadLetter(reason, error);
        return 'dead';
      }
      await move(retryQueue(broker.queue, delay), reason, error);
      return 'retried';
    },
  };
};

/**
 * Subscribes to the queue of jobs, and again after each reconnection.
 * @param prefetch how many jobs the broker hands out before the first is answered
 * @param onDelivery is called for each job as it arrives
 */
export const takeJobs = async (
  config: Config['rabbitmq'],
  log: Log,
  prefetch: number,
  onDelivery: (delivery: Delivery) => void,
) => {
  let subscription: Subscription | undefined;
  let ending = false;

  const subscribe = async (model: ChannelModel) => {
    const channel = await model.createChannel();
    const current: Subscription = { channel, open: true };
    channel.on('error', (error) => log.warn({ reason: error.message }, 'the subscription failed'));
    channel.on('close', () => {
      current.open = false;
      if (!ending) broker.reconnect();
    });
    await channel.prefetch(prefetch);
    const { consumerTag } = await channel.consume(config.queue, (message) => {
      // null: the broker ended the subscription, as when the queue is deleted.
      if (message) onDelivery(toDelivery(message, current, broker, log));
      else broker.reconnect();
    });
    current.consumerTag = consumerTag;
    subscription = current;
    log.info({ queue: config.queue, prefetch }, 'consuming');
  };
  const broker = await openBroker(config, log, subscribe);

  return {
    /** No further deliveries from here on; those that were made can still be answered. */
    stop: async (): Promise<void> => {
      if (subscription?.consumerTag)
        await subscription.channel.cancel(subscription.consumerTag).catch(() => {});
    },
    /** Closes the channel, then the connection: the broker takes back what was not answered. */
    close: async (): Promise<void> => {
      // Closing a channel is a round trip behind the answers sent on it; closing the connection may overtake them.
      ending = true;
      await withDeadline(subscription?.channel.close() ?? Promise.resolve(), CLOSE_TIMEOUT_MS).catch(
        () => {},
      );
      await broker.close();
    },
  };
};
