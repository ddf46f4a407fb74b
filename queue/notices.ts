/**
 * What the command that converts the queue of jobs (convert.ts) tells the processes that publish to it and take from it:
 * a message to each of them, by an exchange that is there as long as somebody listens.
 */
import type { Channel, ChannelModel } from 'amqplib';
import { answerOf } from './errors.ts';
import { CLASSIC } from './topology.ts';

/**
 * make-way: leave the queue and answer once nothing of it is held any more. pause: hold new jobs back, and
 * do not come back to the queue, for PAUSE_MS. go-on: do so no longer.
 */
export type Notice = 'make-way' | 'pause' | 'go-on';

/** How long publishers hold new jobs back, where nobody tells them to go on before. */
export const PAUSE_MS = 1_000;

const noticesOf = (queue: string): string => `${queue}.notices`;

const assertNotices = (channel: Channel, queue: string) =>
  answerOf(channel.assertExchange(noticesOf(queue), 'fanout', { durable: false, autoDelete: true }));

/**
 * Listens as long as the connection is there. An account that may not declare what that needs hears nothing.
 * @param hear is called with where an answer goes, as far as one is wanted
 */
export const hearNotices = async (
  model: ChannelModel,
  queue: string,
  hear: (notice: string, replyTo: string | undefined) => void,
): Promise<void> => {
  try {
    const channel = await answerOf(model.createChannel());
    channel.on('error', () => {});
    await assertNotices(channel, queue);
    const { queue: own } = await answerOf(
      channel.assertQueue(`${noticesOf(queue)}.${crypto.randomUUID()}`, {
        exclusive: true,
        durable: false,
        arguments: CLASSIC,
      }),
    );
    await answerOf(channel.bindQueue(own, noticesOf(queue), ''));
    const consumed = channel.consume(
      own,
      (message) => {
        if (!message) return;
        const { type, replyTo } = message.properties;
        hear(String(type), typeof replyTo === 'string' ? replyTo : undefined);
      },
      { noAck: true, exclusive: true },
    );
    await answerOf(consumed);
  } catch {
    // Whoever converts the queue finds out that nobody makes way, and publishers go on meanwhile.
  }
};

/** Tells all who listen. @throws PublishError where the broker is away or does not allow it */
export const giveNotice = async (
  channel: Channel,
  queue: string,
  notice: Notice,
  replyTo?: string,
): Promise<void> => {
  await assertNotices(channel, queue);
  channel.publish(noticesOf(queue), '', Buffer.alloc(0), { type: notice, replyTo });
};

/** Holds back who comes while it is closed, for PAUSE_MS at the most. */
export const createGate = () => {
  let waiting: (() => void)[] | undefined;
  let timer: NodeJS.Timeout | undefined;
  const open = () => {
    clearTimeout(timer);
    const released = waiting ?? [];
    waiting = undefined;
    for (const release of released) release();
  };
  return {
    open,
    close: (): void => {
      waiting ??= [];
      clearTimeout(timer);
      timer = setTimeout(open, PAUSE_MS);
    },
    isClosed: (): boolean => waiting !== undefined,
    /** Resolves once it is open, in the order of the calls. */
    passed: (): Promise<void> =>
      new Promise((resolve) => {
        if (waiting) waiting.push(resolve);
        else resolve();
      }),
  };
};
