/**
 * Finds out what a run that was killed has moved: see transfer.ts.
 *
 * A message that was published to the new place and not confirmed may not be there, although its copy is. A quorum
 * queue takes messages with less priority than the news that their channel is gone, and from then on drops those of
 * that channel: it takes each for one out of sequence (RabbitMQ 3.10 to 4.3: `ra:pipeline_command(…, low)` in
 * rabbit_fifo_client.erl, `out_of_sequence` in rabbit_fifo.erl). So the last of what was on its way may be missing.
 *
 * How much of it is there, the new place tells by how many messages it has, as long as nobody has taken one of them. So
 * each message is given a number: how many there are with it. If number 1 is still the first one, and nobody takes from
 * the queue, those up to its length are there. Where that cannot be known, all that may be missing is moved again, in
 * its order, and the numbers go on from the last copy's: a number may be too great, and then a message is moved twice,
 * but never too small, which would lose one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel, Message } from 'amqplib';
import { answerOf } from './errors.ts';
import { check } from './exchange.ts';
import { carriedProperties, MOVED } from './headers.ts';
import { onChannel } from './topology.ts';

const READINGS = 10;
/** What was on its way when its channel ended has come in or is dropped. */
const BETWEEN_READINGS_MS = 100;

/** With its id only where it has one: it must be the same whoever moves it. */
export const propertiesOf = (message: Message) => ({
  ...carriedProperties(message),
  messageId: message.properties.messageId ? carriedProperties(message).messageId : undefined,
});

const isSame = (moved: Message, message: Message): boolean => {
  const { messageId, timestamp } = propertiesOf(message);
  return (
    moved.content.equals(message.content) &&
    moved.properties.messageId === messageId &&
    moved.properties.timestamp === timestamp
  );
};

/** The number of a message that was moved. One that was moved by an earlier release has none. */
const numberOf = ({ properties }: Message): number | undefined => {
  const number: unknown = properties.headers?.[MOVED];
  return typeof number === 'number' ? number : undefined;
};

/**
 * How many messages at the head of the old place were published to the new one.
 * @param last copies of those that were published last, oldest first
 * @param head the messages of the old place
 */
export const countPublished = (last: Message[], head: Message[]): number => {
  for (let count = Math.min(last.length, head.length); count > 0; count--) {
    const end = last.slice(-count);
    if (end.every((moved, i) => head[i] && isSame(moved, head[i]))) return count;
  }
  return 0;
};

/**
 * Where to go on.
 * @param last copies of the messages that were published last, oldest first
 * @param head those that the old place had delivered before
 * @param there how many messages the new place has, if nobody has taken any (`countUntouched`)
 * @returns how many of the head are in the new place, and the number of the next one, if it can have one
 */
export const whereToGoOn = (
  last: Message[],
  head: Message[],
  there: number | undefined,
): { arrived: number; next: number | undefined } => {
  const newest = last.map(numberOf).at(-1);
  // Where copies are and nothing else, consumers have taken all, and may hold some.
  if (there === undefined || (there === 0 && newest !== undefined))
    return { arrived: 0, next: newest === undefined ? undefined : newest + 1 };
  const next = there + 1;
  // More than were published: others have published, too.
  if (newest === undefined || newest < there) return { arrived: 0, next };
  const published = countPublished(last, head);
  const missing = last.slice(last.length - published).findIndex((copy) => (numberOf(copy) ?? next) > there);
  return { arrived: missing === -1 ? published : missing, next };
};

/**
 * How many messages a quorum queue has, if nobody takes from it and its first is the first that was moved to it. That
 * one is taken and goes back to its place when its channel is closed. (By a nack it would go to the end.)
 * @returns undefined if others have taken from it, or may
 * @throws PublishError
 */
export const countUntouched = async (model: ChannelModel, queue: string): Promise<number | undefined> => {
  let before: number | undefined;
  for (let reading = 0; reading < READINGS; reading++) {
    if (reading > 0) await sleep(BETWEEN_READINGS_MS);
    if ((await check(model, queue)).consumerCount > 0) return undefined;
    const first = await onChannel(model, (channel) => answerOf(channel.get(queue)));
    // The count is that of the moment in which it was taken; other counts may be late.
    const count = first ? first.fields.messageCount + 1 : 0;
    const isUntouched = !first || numberOf(first) === 1;
    if (isUntouched && count === before) return count;
    // Unless what was taken the time before is not back yet.
    if (!isUntouched && before === undefined) return undefined;
    before = isUntouched ? count : undefined;
  }
  return undefined;
};
