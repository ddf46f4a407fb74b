/** Discarding what waits at the head of a queue. */
import type { Channel, Message } from 'amqplib';
import { answerOf, PublishError } from './errors.ts';

/** What is taken beyond the last one that is discarded goes back as delivered before, so it is little. */
const PREFETCH = 200;
/** The broker delivers what there is; when nothing comes for so long, nothing is left. */
const SILENCE_MS = 500;

/** A message that has not left the queue. */
export type QueuedMessage = Message;

/**
 * Takes messages in their order and acknowledges them as long as they are to be discarded. What was taken beyond goes
 * back to its place when the channel is closed, which is the caller's part.
 * @param most how many at the most
 * @returns how many were discarded
 * @throws PublishError where the broker is away
 */
export const discardHead = async (
  channel: Channel,
  queue: string,
  most: number,
  isDiscarded: (message: QueuedMessage) => boolean,
): Promise<number> => {
  if (most === 0) return 0;
  await answerOf(channel.prefetch(Math.min(PREFETCH, most)));
  let discarded = 0;
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
        if (over || !message || !isDiscarded(message)) return end();
        last = message;
        discarded++;
        // Several messages are acknowledged in one frame, while the next ones are on their way.
        if (discarded % (PREFETCH / 4) === 0 || discarded === most) acknowledge();
        if (discarded === most) end();
        else watch();
      })
      .then(watch, (error) => reject(new PublishError('refused', String(error))));
  }).finally(() => clearTimeout(timer));
  acknowledge();
  return discarded;
};
