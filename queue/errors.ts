/** Failures of RabbitMQ, and the reasons that it gives: a reply code and a sentence (AMQP 0-9-1, 1.2). */
import { withDeadline } from '../process/deadline.ts';

/** Reply codes of the broker (AMQP 0-9-1, 1.2). */
export const ACCESS_REFUSED = 403;
export const NOT_FOUND = 404;
export const PRECONDITION_FAILED = 406;

/** The broker's reply code, of the error itself or of one that caused it; undefined if the broker sent none. */
export const codeOf = (error: unknown): number | undefined => {
  if (!(error instanceof Error)) return undefined;
  return 'code' in error && typeof error.code === 'number' ? error.code : codeOf(error.cause);
};

/** What the error says, or its name if it says nothing. */
export const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : String(error);

const ANSWER_WITHIN_MS = 5_000;

/** The broker has not confirmed a message, or not answered a question. */
export class PublishError extends Error {
  /**
   * refused: the broker does not have the message. overfull: the message was not sent, as too many wait already.
   * impossible: it was not sent, as no message like it can be. unknown: the broker may have it, as no answer came in
   * time.
   */
  readonly outcome: 'refused' | 'overfull' | 'impossible' | 'unknown';
  /** For how many messages it stands. */
  readonly messages: number;

  constructor(
    outcome: PublishError['outcome'],
    message: string,
    { messages = 1, ...options }: ErrorOptions & { messages?: number } = {},
  ) {
    super(message, options);
    this.outcome = outcome;
    this.messages = messages;
  }
}

/**
 * Waits for the broker's answer to anything but a message, five seconds at the most.
 * @throws PublishError if no answer comes in time, the connection is lost, or the broker refuses
 */
export const answerOf = async <T>(question: PromiseLike<T>): Promise<T> => {
  try {
    return await withDeadline(Promise.resolve(question), ANSWER_WITHIN_MS);
  } catch (error) {
    throw new PublishError('refused', reasonOf(error), { cause: error });
  }
};
