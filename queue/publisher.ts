/** Publishing with confirms: a promise that is kept only once the broker has the message. */
import type { ConfirmChannel, Options } from 'amqplib';
import { withDeadline } from '../deadline.ts';

const ANSWER_WITHIN_MS = 5_000;

/** The broker has not confirmed a message. */
export class PublishError extends Error {
  /**
   * refused: the broker does not have it. overfull: nor was it asked, as too many wait already. unknown: it may
   * have it, as nothing was heard in time.
   */
  readonly outcome: 'refused' | 'overfull' | 'unknown';

  constructor(outcome: PublishError['outcome'], message: string) {
    super(message);
    this.outcome = outcome;
  }
}

/**
 * Waits for the broker's answer to anything but a message.
 * @throws PublishError where it does not answer in time, or the connection is lost, or what was asked for is not there
 */
export const answerOf = async <T>(question: PromiseLike<T>): Promise<T> => {
  try {
    return await withDeadline(Promise.resolve(question), ANSWER_WITHIN_MS);
  } catch (error) {
    throw new PublishError('refused', error instanceof Error ? error.message : String(error));
  }
};

/** `messageId` must be unique among those in flight. */
export type Properties = Pick<Options.Publish, 'correlationId' | 'headers' | 'timestamp' | 'type'> & {
  messageId: string;
};

/**
 * Wraps one confirm channel. Messages are persistent, and returned where no queue takes them.
 * @param timeoutMs how long a confirm may take
 */
export const confirmingPublisher = (channel: ConfirmChannel, timeoutMs: number) => {
  // An unroutable message is confirmed too; its return comes first (https://www.rabbitmq.com/docs/confirms).
  const returned = new Set<string>();
  channel.on('return', ({ properties }) => returned.add(properties.messageId));

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
      const timer = setTimeout(() => {
        silentSince ??= performance.now();
        reject(new PublishError('unknown', `No confirm within ${timeoutMs} ms.`));
      }, timeoutMs);
      const settle = (error: unknown) => {
        clearTimeout(timer);
        if (!error) silentSince = undefined;
        if (returned.delete(properties.messageId))
          reject(new PublishError('refused', `There is no queue ${queue}.`));
        else if (error instanceof Error && error.message === 'message nacked')
          reject(new PublishError('refused', 'The broker refused the message.'));
        else if (error) reject(new PublishError('unknown', 'The channel closed before the confirm.'));
        else resolve();
      };
      const options = { ...properties, contentType: 'application/json', persistent: true, mandatory: true };
      try {
        channel.publish('', queue, body, options, settle);
      } catch (error) {
        clearTimeout(timer);
        reject(new PublishError('refused', String(error)));
      }
    });
};
