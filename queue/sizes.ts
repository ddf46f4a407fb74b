/**
 * How large a message may be. RabbitMQ does not tell its `max_message_size`; a larger message closes its channel, and
 * fails all others that are on their way on it. So before a message is sent that is larger than all before it, one of its
 * size that no queue gets is sent on a channel of its own.
 */
import { randomUUID } from 'node:crypto';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { ACCESS_REFUSED, answerOf, codeOf, PublishError } from './errors.ts';

/** More than nearly all messages have, so that mostly one question is enough. */
const FIRST_BYTES = 16_384;
/** Up to this size the questions double in size, so that there are few of them. */
const ROUNDED_UP_TO = 2 ** 20;

/** What RabbitMQ says when it refuses a message that is larger than its max_message_size. */
const TOO_LARGE = /larger than (?:configured )?max size (\d+)/;

const askedSize = (bytes: number): number =>
  bytes > ROUNDED_UP_TO ? bytes : Math.max(FIRST_BYTES, 2 ** Math.ceil(Math.log2(bytes)));

/** @returns how many bytes it takes: as many as were asked for, or fewer @throws PublishError if it does not answer */
const ask = async (model: ChannelModel, bytes: number): Promise<number> => {
  const channel: ConfirmChannel = await answerOf(model.createConfirmChannel());
  const answer = new Promise<number>((resolve, reject) => {
    channel.on('error', (error: Error) => {
      const [, most] = TOO_LARGE.exec(error.message) ?? [];
      if (most !== undefined) resolve(Number(most));
      // An account that may publish to one exchange only cannot ask.
      else if (codeOf(error) === ACCESS_REFUSED) resolve(bytes);
      else reject(new PublishError('refused', error.message));
    });
    channel.publish('', `nowhere.${randomUUID()}`, Buffer.alloc(bytes), {}, (error) => {
      if (error) reject(new PublishError('refused', 'The channel closed.'));
      else resolve(bytes);
    });
  });
  try {
    return await answerOf(answer);
  } finally {
    // After an error the broker has closed the channel already.
    answerOf(channel.close()).catch(() => {});
  }
};

/** What is known of a connection. */
export const learnSizes = (model: ChannelModel) => {
  let taken = 0;
  let most = Number.POSITIVE_INFINITY;
  let asking: Promise<void> | undefined;

  const learn = async (bytes: number): Promise<void> => {
    const asked = askedSize(bytes);
    const answered = await ask(model, asked);
    taken = Math.max(taken, answered);
    if (answered < asked) most = answered;
  };

  // Nobody waits for this one: if there is no answer the next one asks again.
  asking = learn(FIRST_BYTES)
    .catch(() => {})
    .finally(() => {
      asking = undefined;
    });

  return {
    /** Whether a message of this size can be sent without a question. */
    isTaken: (bytes: number): boolean => bytes <= taken,

    /**
     * Finds out whether the broker takes a message of this size.
     * @throws PublishError, `impossible` if it does not, `refused` if it does not answer
     */
    check: async (bytes: number): Promise<void> => {
      while (bytes > taken && bytes <= most) {
        asking ??= learn(bytes).finally(() => {
          asking = undefined;
        });
        await asking;
      }
      if (bytes > most)
        throw new PublishError(
          'impossible',
          `The message has ${bytes} bytes, and RabbitMQ takes ${most} at the most.`,
        );
    },
  };
};
export type Sizes = ReturnType<typeof learnSizes>;
