/**
 * Moves what waits in a classic queue to another queue: in its order, and so that whoever moves may be killed at any
 * moment without a message lost or doubled.
 *
 * A message is acknowledged once the broker has confirmed it in its new place, so none is lost. A kill between the two
 * leaves it in both, at most WINDOW messages: the last ones that came to the new place are the first ones of the old
 * place then, as only one moves and in order. Whoever goes on has to know how many. The new place cannot tell, as
 * consumers take from it meanwhile. So each message is published once and routed to two queues, by the header BCC
 * (https://www.rabbitmq.com/docs/sender-selected), which is one step for a client that is killed: to the new place, and
 * to a queue that keeps the last WINDOW messages and that nobody takes from. What the head of the old place has in common
 * with the end of that one is where it was interrupted.
 *
 * That queue must not outlive the broker: if the broker itself dies, it may have kept the copy and lost the message, which
 * would then be taken for one that was moved. Without the copy, up to WINDOW messages are moved twice, in their order.
 */
import type { ChannelModel, ConfirmChannel, ConsumeMessage, Message } from 'amqplib';
import { withDeadline } from '../process/deadline.ts';
import { frameMaxOf } from './connection.ts';
import { ACCESS_REFUSED, answerOf, codeOf, PublishError, reasonOf } from './errors.ts';
import { carriedHeaders, carriedProperties } from './headers.ts';
import { CLASSIC, isSince, onChannel } from './topology.ts';

/** Messages on their way at the most. */
export const WINDOW = 1_000;
const CONFIRM_WITHIN_MS = 30_000;

const inTime = (work: Promise<void>): Promise<void> =>
  withDeadline(work, CONFIRM_WITHIN_MS).catch((error: unknown) => {
    throw new PublishError('unknown', reasonOf(error), { cause: error });
  });

export interface Places {
  from: string;
  to: string;
  /** Keeps the last WINDOW messages that were moved. */
  last: string;
}

/**
 * The queue of the last messages. RabbitMQ 4.3 has no queues any more that are gone with the broker and not with their
 * connection (https://www.rabbitmq.com/docs/deprecated-features). Then this one is gone with the connection, and a run
 * that was killed is followed by one that moves up to WINDOW messages twice.
 */
export const assertLast = (model: ChannelModel, last: string): Promise<unknown> =>
  onChannel(model, (channel) =>
    answerOf(
      channel.assertQueue(last, {
        durable: false,
        exclusive: isSince(model, 4, 3),
        arguments: { ...CLASSIC, 'x-max-length': WINDOW },
      }),
    ),
  );

/** Reads a queue that nobody else takes from; its messages go back to it. */
const readAll = (model: ChannelModel, queue: string): Promise<Message[]> =>
  onChannel(model, async (channel) => {
    const { messageCount } = await answerOf(channel.checkQueue(queue));
    const messages: Message[] = [];
    if (messageCount === 0) return messages;
    const all = new Promise<void>((resolve, reject) => {
      channel.once('close', () => reject(new PublishError('refused', 'The channel closed.')));
      const consumed = channel.consume(queue, (message) => {
        if (message && messages.push(message) === messageCount) resolve();
      });
      consumed.catch(reject);
    });
    await inTime(all);
    return messages;
  });

/** With its id only where it has one: it must be the same whoever moves it. */
const propertiesOf = (message: Message) => ({
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

/**
 * How many messages at the head of the old place are in the new one already.
 * @param last the messages that came to the new place last, oldest first
 * @param head those of the old place
 */
export const countMoved = (last: Message[], head: Message[]): number => {
  for (let count = Math.min(last.length, head.length); count > 0; count--) {
    const end = last.slice(-count);
    if (end.every((moved, i) => head[i] && isSame(moved, head[i]))) return count;
  }
  return 0;
};

interface Moving {
  tag: number;
  confirmed: boolean;
}

export interface Transfer {
  /** How many have been moved. */
  moved(): number;
  /** Resolves when nothing is in hand. @throws PublishError where it cannot go on */
  whenSettled(): Promise<void>;
  /** Takes no more. Resolves when nothing is in hand. @throws PublishError */
  pause(): Promise<void>;
  /** Goes on. @returns false where others have subscribed meanwhile @throws PublishError */
  resume(): Promise<boolean>;
  close(): Promise<void>;
}

/** Begins to move, unless others are subscribed to the old place: then undefined. @throws PublishError */
export const openTransfer = async (
  model: ChannelModel,
  { from, to, last }: Places,
): Promise<Transfer | undefined> => {
  const channel: ConfirmChannel = await answerOf(model.createConfirmChannel());
  let moved = 0;
  let moving: Moving[] = [];
  /** What is needed to see where it was interrupted: the broker has delivered all of that before. */
  let needed = 0;
  let head: ConsumeMessage[] = [];
  let failure: PublishError | undefined;
  let waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const tell = () => {
    if (!failure && (moving.length > 0 || needed > 0)) return;
    for (const { resolve, reject } of waiting)
      if (failure) reject(failure);
      else resolve();
    waiting = [];
  };
  const fail = (reason: string): void => {
    failure ??= new PublishError('refused', reason);
    tell();
  };
  channel.on('error', (error) => fail(reasonOf(error)));
  channel.on('close', () => fail('The channel closed.'));
  channel.on('return', () => fail(`There is no queue ${to}.`));

  let acknowledging = false;
  const acknowledge = () => {
    acknowledging = false;
    const confirmed = moving.findIndex((one) => !one.confirmed);
    const count = confirmed === -1 ? moving.length : confirmed;
    const upTo = moving[count - 1];
    if (failure || !upTo) return;
    // Several at once, which is one frame.
    channel.ack({ fields: { deliveryTag: upTo.tag } } as Message, true);
    moving = moving.slice(count);
    moved += count;
    tell();
  };

  const publish = (message: ConsumeMessage, done: (error: unknown) => void, bare = false): void => {
    const headers = bare ? {} : message.properties.headers;
    const properties = bare ? {} : propertiesOf(message);
    const carried = carriedHeaders(headers ?? {}, {}, frameMaxOf(model));
    const options = { ...properties, headers: carried, persistent: true, mandatory: true, BCC: last };
    try {
      channel.publish('', to, message.content, options, done);
    } catch (error) {
      if (bare) fail(reasonOf(error));
      else publish(message, done, true);
    }
  };
  const move = (message: ConsumeMessage): void => {
    const one = { tag: message.fields.deliveryTag, confirmed: false };
    moving.push(one);
    publish(message, (error) => {
      if (error) return fail(reasonOf(error));
      one.confirmed = true;
      // After all that are confirmed by the same frame.
      if (!acknowledging) queueMicrotask(acknowledge);
      acknowledging = true;
    });
  };

  const before = await readAll(model, last);
  const compare = () => {
    needed = 0;
    const count = countMoved(before, head);
    const upTo = head[count - 1];
    if (upTo) channel.ack(upTo, true);
    for (const message of head.slice(count)) move(message);
    head = [];
    tell();
  };
  const take = (message: ConsumeMessage | null): void => {
    if (!message) fail(`The queue ${from} was deleted.`);
    else if (needed === 0) move(message);
    else if (message.fields.redelivered) {
      head.push(message);
      if (head.length === needed) compare();
    } else {
      compare();
      move(message);
    }
  };

  let consumerTag: string | undefined;
  const subscribe = async (): Promise<boolean> => {
    try {
      const consumed = channel.consume(from, take, { exclusive: true });
      ({ consumerTag } = await answerOf(consumed));
      return true;
    } catch (error) {
      if (codeOf(error) === ACCESS_REFUSED) return false;
      throw error;
    }
  };
  const whenSettled = (): Promise<void> =>
    inTime(
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        tell();
      }),
    );

  const transfer: Transfer = {
    moved: () => moved,
    whenSettled,
    pause: async () => {
      if (consumerTag !== undefined) await answerOf(channel.cancel(consumerTag));
      consumerTag = undefined;
      await whenSettled();
    },
    resume: subscribe,
    close: async () => {
      await answerOf(channel.close()).catch(() => {});
    },
  };
  await answerOf(channel.prefetch(WINDOW));
  const { messageCount } = await answerOf(channel.checkQueue(from));
  needed = Math.min(messageCount, before.length);
  if (await subscribe()) return transfer;
  await transfer.close();
  return undefined;
};
