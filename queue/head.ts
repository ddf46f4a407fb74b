/** Purging the head of a queue: its oldest messages, up to the first that is to stay. */
import type { Channel, Message } from 'amqplib';
import { answerOf, PublishError } from './errors.ts';

/**
 * How many messages are taken at once. Those that are to stay go back to the queue marked as redelivered, so there
 * should be few of them.
 */
const PREFETCH = 200;
/** If no message arrives for so long, the queue is empty: the broker delivers at once what it has. */
const SILENCE_MS = 500;

/** A message that waits in a queue. */
export type QueuedMessage = Message;

/**
 * Takes messages in their order and acknowledges them, up to the first that is to stay. That one and those taken after
 * it go back to their places when the caller closes the channel.
 * @param most how many messages may be purged
 * @param isPurged whether a message is to be purged
 * @returns how many were purged
 * @throws PublishError if the broker is away
 */
export const purgeHead = async (
  channel: Channel,
  queue: string,
  most: number,
  isPurged: (message: QueuedMessage) => boolean,
): Promise<number> => {
  if (most === 0) return 0;
  await answerOf(channel.prefetch(Math.min(PREFETCH, most)));
  let purged = 0;
  let over = false;
  let last: Message | undefined;
  let timer: NodeJS.Timeout | undefined;
  const acknowledge = () => {
    if (last) channel.ack(last, true);
    last = undefined;
  };
  await new Promise<void>((resolve, reject) => {
    const end = () => {
      over = true;
      resolve();
    };
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(end, SILENCE_MS);
    };
    channel.once('close', () => reject(new PublishError('refused', 'The channel closed.')));
    channel
      .consume(queue, (message) => {
        // The broker sends null when the queue is deleted.
        if (over || !message || !isPurged(message)) return end();
        last = message;
        purged++;
        // Several messages are acknowledged in one frame, while the next ones are on their way.
        if (purged % (PREFETCH / 4) === 0 || purged === most) acknowledge();
        if (purged === most) end();
        else watch();
      })
      .then(watch, (error) => reject(new PublishError('refused', String(error))));
  }).finally(() => clearTimeout(timer));
  acknowledge();
  return purged;
};
