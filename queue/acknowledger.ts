/** Answering the deliveries of one channel with as few frames as their order allows. */
import type { Channel, Message } from 'amqplib';

/**
 * Splits answers into what one frame can say and what each needs a frame for: `multiple` answers everything up to
 * a tag (https://www.rabbitmq.com/docs/confirms#consumer-acks-multiple-parameter).
 * @param oldest the oldest tag that stays unanswered, undefined where none does
 * @param tags ascending
 */
export const splitAnswers = (
  oldest: number | undefined,
  tags: number[],
): { upTo: number | undefined; single: number[] } => {
  const below = oldest === undefined ? tags.length : tags.filter((tag) => tag < oldest).length;
  return { upTo: tags[below - 1], single: tags.slice(below) };
};

/** Knows which deliveries of a channel are unanswered. */
export const createAcknowledger = (channel: Channel) => {
  /** In the order of arrival, which is that of the tags. */
  const unanswered = new Set<number>();
  /** Who waits until the deliveries up to a tag are answered. */
  let waiting: { upTo: number; resolve: () => void }[] = [];
  const answer = (deliveryTag: number, allUpTo: boolean) =>
    channel.ack({ fields: { deliveryTag } } as Message, allUpTo);

  const tellWaiting = () => {
    if (waiting.length === 0) return;
    const [oldest = Number.POSITIVE_INFINITY] = unanswered;
    for (const { upTo, resolve } of waiting) if (upTo < oldest) resolve();
    waiting = waiting.filter(({ upTo }) => upTo >= oldest);
  };

  return {
    /** Resolves when what has arrived until now is answered; never where the channel closes before. */
    whenDone: (): Promise<void> =>
      new Promise((resolve) => {
        waiting.push({ upTo: [...unanswered].at(-1) ?? 0, resolve });
        tellWaiting();
      }),

    arrived: (tag: number): void => {
      unanswered.add(tag);
    },

    /** @throws where the channel is closed; the broker then delivers once more what was unanswered */
    acknowledge: (tags: number[]): void => {
      for (const tag of tags) unanswered.delete(tag);
      const [oldest] = unanswered;
      const ascending = tags.toSorted((a, b) => a - b);
      const { upTo, single } = splitAnswers(oldest, ascending);
      if (upTo !== undefined) answer(upTo, true);
      for (const tag of single) answer(tag, false);
      tellWaiting();
    },

    /** For the broker's own dead-lettering; dropped where its queue has none. @throws where the channel is closed */
    reject: (tag: number): void => {
      unanswered.delete(tag);
      channel.reject({ fields: { deliveryTag: tag } } as Message, false);
      tellWaiting();
    },
  };
};
