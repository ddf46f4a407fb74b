/** Publishing with confirms: a promise that is kept only once the broker has the message. */
import type { ConfirmChannel, Options } from 'amqplib';
import { PublishError } from './errors.ts';

/** `contentType` is that of JSON if absent. */
export type Properties = Pick<
  Options.Publish,
  'contentEncoding' | 'contentType' | 'correlationId' | 'headers' | 'timestamp' | 'type'
> & {
  messageId: string;
};

/** The API takes bodies of at most so much; beyond it a confirm may take longer. */
const LARGE_BYTES = 2 ** 20;
/** How fast a large message is written and confirmed at least. */
const BYTES_PER_MS = 1_000;

/** Messages to one queue under one id, which other publishers may give to several, have the same fate. */
const returnKey = (queue: string, messageId: string) => `${queue} ${messageId}`;

/**
 * Wraps one confirm channel. Messages are persistent, and returned where no queue takes them.
 * @param timeoutMs how long a confirm may take
 */
export const confirmingPublisher = (channel: ConfirmChannel, timeoutMs: number) => {
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
  const isSilent = () => {
    if (silentSince === undefined) return false;
    if (performance.now() - silentSince < timeoutMs) return true;
    silentSince = performance.now();
    return false;
  };

  /** @throws PublishError */
  return (queue: string, body: Buffer, properties: Properties): Promise<void> =>
    new Promise((resolve, reject) => {
      if (isSilent()) return reject(new PublishError('refused', 'RabbitMQ does not answer.'));
      const patience = timeoutMs + Math.max(0, body.length - LARGE_BYTES) / BYTES_PER_MS;
      const timer = setTimeout(() => {
        silentSince ??= performance.now();
        reject(new PublishError('unknown', `No confirm within ${Math.round(patience)} ms.`));
      }, patience);
      const settle = (error: unknown) => {
        clearTimeout(timer);
        if (!error) silentSince = undefined;
        if (wasReturned(queue, properties.messageId))
          reject(new PublishError('refused', `There is no queue ${queue}.`));
        else if (error instanceof Error && error.message === 'message nacked')
          reject(new PublishError('refused', 'The broker refused the message.'));
        else if (error) reject(new PublishError('unknown', 'The channel closed before the confirm.'));
        else resolve();
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
};
