/** Publishing with confirms: a promise that is kept only once the broker has the message. */
import type { ConfirmChannel, Options } from 'amqplib';

/** The broker has not confirmed a message. */
export class PublishError extends Error {
  /** 'refused': the broker does not have it. 'unknown': it may, as nothing was heard in time. */
  readonly outcome: 'refused' | 'unknown';

  constructor(outcome: 'refused' | 'unknown', message: string) {
    super(message);
    this.outcome = outcome;
  }
}

/** Persistent, and returned to us where no queue takes it. `messageId` must be unique among those in flight. */
export type Properties = Pick<Options.Publish, 'correlationId' | 'headers' | 'timestamp' | 'type'> & {
  messageId: string;
};

/**
 * Wraps one confirm channel.
 * @param timeoutMs how long a confirm may take
 */
export const confirmingPublisher = (channel: ConfirmChannel, timeoutMs: number) => {
  // An unroutable message is confirmed too; its return comes first (https://www.rabbitmq.com/docs/confirms).
  const returned = new Set<string>();
  channel.on('return', ({ properties }) => returned.add(properties.messageId));

  /** @throws PublishError */
  return (queue: string, body: Buffer, properties: Properties): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new PublishError('unknown', `No confirm within ${timeoutMs} ms.`)),
        timeoutMs,
      );
      const settle = (error: unknown) => {
        clearTimeout(timer);
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
