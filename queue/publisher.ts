/** Publishing with confirms: the promise resolves only when the broker has the message. */
import type { ConfirmChannel, Options } from 'amqplib';
import { DeadlineError, withDeadline } from '../process/deadline.ts';
import { PublishError } from './errors.ts';
import type { ChannelPatience } from './patience.ts';
import type { Sizes } from './sizes.ts';

/** The properties of a message; `contentType` is `application/json` if absent. */
export type Properties = Pick<
  Options.Publish,
  'contentEncoding' | 'contentType' | 'correlationId' | 'headers' | 'timestamp' | 'type'
> & {
  messageId: string;
};

/** The confirm of a larger message may take longer. The API takes no larger bodies. */
const LARGE_BYTES = 2 ** 20;
/** The least speed that is expected of a large message until it is confirmed. */
const BYTES_PER_MS = 1_000;

/** The key of a message that may be returned. Other publishers may give one id to several: these are returned alike. */
const returnKey = (queue: string, messageId: string) => `${queue} ${messageId}`;

export interface Publisher {
  /** Resolves when the broker has confirmed the message. @throws PublishError */
  publish(queue: string, body: Buffer, properties: Properties): Promise<void>;
  /** Whether the broker has let a message wait too long, and nothing was heard of it since. */
  isSilent(): boolean;
  /** Whether a message has been confirmed. */
  hasConfirmed(): boolean;
}

/**
 * Makes what publishes on a confirm channel. Messages are persistent; if their queue does not exist the broker returns
 * them, and publishing fails.
 * @param timeoutMs how many milliseconds a confirm may take
 * @param patience is told which queues take messages
 * @param sizes knows how large a message may be
 */
export const confirmingPublisher = (
  channel: ConfirmChannel,
  timeoutMs: number,
  patience: ChannelPatience,
  sizes: Sizes,
): Publisher => {
  // An unroutable message is confirmed too; its return comes first (https://www.rabbitmq.com/docs/confirms).
  const returned = new Map<string, number>();
  channel.on('return', ({ fields, properties }) => {
    const key = returnKey(fields.routingKey, properties.messageId);
    returned.set(key, (returned.get(key) ?? 0) + 1);
  });
  const wasReturned = (queue: string, messageId: string): boolean => {
    if (returned.size === 0) return false;
    const key = returnKey(queue, messageId);
    const times = returned.get(key);
    if (times === undefined) return false;
    if (times > 1) returned.set(key, times - 1);
    else returned.delete(key);
    return true;
  };

  // A broker that has let one message wait too long would keep the next ones waiting as well: they are refused
  // at once until something is heard, all but one in a while.
  let silentSince: number | undefined;
  let hasConfirmed = false;
  const isToWait = () => {
    if (silentSince === undefined) return true;
    if (performance.now() - silentSince < timeoutMs) return false;
    silentSince = performance.now();
    return true;
  };
  const doesNotAnswer = () => new PublishError('refused', 'RabbitMQ does not answer.');
  const patienceFor = ({ length }: Buffer) => timeoutMs + Math.max(0, length - LARGE_BYTES) / BYTES_PER_MS;

  const send: Publisher['publish'] = (queue, body, properties) =>
    new Promise((resolve, reject) => {
      const ms = patienceFor(body);
      const timer = setTimeout(() => {
        silentSince ??= performance.now();
        reject(new PublishError('unknown', `No confirm within ${Math.round(ms)} ms.`));
        patience.failed(queue);
      }, ms);
      const settle = (error: unknown) => {
        clearTimeout(timer);
        if (!error) silentSince = undefined;
        if (wasReturned(queue, properties.messageId))
          reject(new PublishError('refused', `There is no queue ${queue}.`));
        else if (error instanceof Error && error.message === 'message nacked') {
          reject(new PublishError('refused', 'The broker refused the message.'));
          patience.failed(queue);
        } else if (error) reject(new PublishError('unknown', 'The channel closed before the confirm.'));
        else {
          hasConfirmed = true;
          patience.taken(queue);
          resolve();
        }
      };
      const options = { contentType: 'application/json', ...properties, persistent: true, mandatory: true };
      try {
        channel.publish('', queue, body, options, settle);
      } catch (error) {
        clearTimeout(timer);
        // Its encoder's own; what amqplib says of a closed channel is an Error of another name.
        const isImpossible = error instanceof TypeError || error instanceof RangeError;
        reject(new PublishError(isImpossible ? 'impossible' : 'refused', String(error)));
      }
    });

  const sendUnknown: Publisher['publish'] = async (queue, body, properties) => {
    try {
      await withDeadline(sizes.check(body.length), patienceFor(body));
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      silentSince ??= performance.now();
      patience.failed(queue);
      throw doesNotAnswer();
    }
    await send(queue, body, properties);
  };

  return {
    publish: (queue, body, properties) => {
      if (!isToWait()) return Promise.reject(doesNotAnswer());
      return (sizes.isTaken(body.length) ? send : sendUnknown)(queue, body, properties);
    },
    isSilent: () => silentSince !== undefined,
    hasConfirmed: () => hasConfirmed,
  };
};
