/** Answers the deliveries of one channel, with as few frames as the order in which they are done allows. */
import type { Channel, ConsumeMessage, Message } from 'amqplib';

/**
 * Splits tags into those that one frame answers and those that need a frame each: with `multiple` a frame answers
 * everything up to a tag (https://www.rabbitmq.com/docs/confirms#consumer-acks-multiple-parameter).
 * @param oldest the oldest tag that stays unanswered, undefined if none does
 * @param tags those to answer, ascending
 * @returns `upTo`: one frame answers all tags up to this one, undefined if there is none; `single`: the rest
 */
export const splitAnswers = (
  oldest: number | undefined,
  tags: number[],
): { upTo: number | undefined; single: number[] } => {
  const below = oldest === undefined ? tags.length : tags.filter((tag) => tag < oldest).length;
  return { upTo: tags[below - 1], single: tags.slice(below) };
};

/** Keeps track of which deliveries of a channel are unanswered, and answers them. */
export const createAcknowledger = (channel: Channel) => {
  /** Each with its delivery, in the order of arrival, which is that of the tags. */
  const unanswered = new Map<number, ConsumeMessage>();
  /** Those who wait until all deliveries up to a tag are answered. */
  let waiting: { upTo: number; resolve: () => void }[] = [];
  const answer = (deliveryTag: number, allUpTo: boolean) =>
    channel.ack({ fields: { deliveryTag } } as Message, allUpTo);

  const tellWaiting = () => {
    if (waiting.length === 0) return;
    const [oldest = Number.POSITIVE_INFINITY] = unanswered.keys();
    for (const { upTo, resolve } of waiting) if (upTo < oldest) resolve();
    waiting = waiting.filter(({ upTo }) => upTo >= oldest);
  };

  return {
    /** Resolves when all deliveries that have arrived by now are answered; never if the channel closes before that. */
    whenDone: (): Promise<void> =>
      new Promise((resolve) => {
        waiting.push({ upTo: [...unanswered.keys()].at(-1) ?? 0, resolve });
        tellWaiting();
      }),

    /** Notes that a delivery has arrived. */
    arrived: (message: ConsumeMessage): void => {
      unanswered.set(message.fields.deliveryTag, message);
    },

    /** How many deliveries are unanswered, and the one that has been so for longest. */
    unanswered: (): { count: number; oldest: ConsumeMessage | undefined } => {
      const [oldest] = unanswered.values();
      return { count: unanswered.size, oldest };
    },

    /** Acknowledges deliveries. @throws if the channel is closed; the broker then delivers all unanswered ones again */
    acknowledge: (tags: number[]): void => {
      for (const tag of tags) unanswered.delete(tag);
      const [oldest] = unanswered.keys();
      const ascending = tags.toSorted((a, b) => a - b);
      const { upTo, single } = splitAnswers(oldest, ascending);
      if (upTo !== undefined) answer(upTo, true);
      for (const tag of single) answer(tag, false);
      tellWaiting();
    },

    /**
     * Rejects a delivery: the broker moves it to where its queue's own dead-lettering says, or removes it if the queue
     * has none.
     * @throws if the channel is closed
     */
    reject: (tag: number): void => {
      unanswered.delete(tag);
      channel.reject({ fields: { deliveryTag: tag } } as Message, false);
      tellWaiting();
    },
  };
};
