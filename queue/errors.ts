/** What goes wrong with RabbitMQ, and what it says of why: a reply code and a sentence (AMQP 0-9-1, 1.2). */
import { withDeadline } from '../process/deadline.ts';

/** The reply code, also where the error has another one for its cause; undefined where it is not the broker's. */
export const codeOf = (error: unknown): number | undefined => {
  if (!(error instanceof Error)) return undefined;
  return 'code' in error && typeof error.code === 'number' ? error.code : codeOf(error.cause);
};

export const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : String(error);

const ANSWER_WITHIN_MS = 5_000;

/** The broker has not confirmed a message. */
export class PublishError extends Error {
  /**
   * refused: the broker does not have it. overfull: nor was it asked, as too many wait already. impossible: nor was
   * it asked, as it is a message that cannot be sent. unknown: it may have it, as nothing was heard in time.
   */
  readonly outcome: 'refused' | 'overfull' | 'impossible' | 'unknown';

  constructor(outcome: PublishError['outcome'], message: string, options?: ErrorOptions) {
    super(message, options);
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
    throw new PublishError('refused', reasonOf(error), { cause: error });
  }
};
