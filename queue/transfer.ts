/**
 * Moves what waits in a classic queue to a quorum queue: in its order, and so that whoever moves may be killed at any
 * moment without a message lost, or doubled where that can be known.
 *
 * A message is acknowledged once the broker has confirmed it in its new place, so none is lost. A kill between the two
 * leaves it in both, at most WINDOW messages: the last ones that came to the new place are the first ones of the old
 * place then, as only one moves and in order. Whoever goes on has to know how many. So each message is published once
 * and routed to two queues, by the header BCC (https://www.rabbitmq.com/docs/sender-selected), which is one step for a
 * client that is killed: to the new place, and to a queue that keeps the last copies and that nobody takes from.
 * What the head of the old place has in common with the end of that one was published. What of that is in the new place
 * is another question (moved.ts): where consumers take from it, nobody can know, and it is moved again.
 *
 * That queue must not outlive the broker: if the broker itself dies, it may have kept the copy and lost the message, which
 * would then be taken for one that was moved. Without the copy, up to WINDOW messages are moved twice, in their order.
 */
import type { ChannelModel, ConfirmChannel, ConsumeMessage, Message } from 'amqplib';
import { withDeadline } from '../process/deadline.ts';
import { frameMaxOf } from './connection.ts';
import { ACCESS_REFUSED, answerOf, codeOf, PublishError, reasonOf } from './errors.ts';
import { carriedHeaders, MOVED } from './headers.ts';
import { countUntouched, propertiesOf, whereToGoOn } from './moved.ts';
import { CLASSIC, isSince, onChannel } from './topology.ts';

/** Messages on their way at the most. */
export const WINDOW = 200;
/** How many copies are kept; WINDOW would do, but earlier releases declared the queue with so many. */
const COPIES = 1_000;
const CONFIRM_WITHIN_MS = 30_000;

const inTime = (work: Promise<void>): Promise<void> =>
  withDeadline(work, CONFIRM_WITHIN_MS).catch((error: unknown) => {
    throw new PublishError('unknown', reasonOf(error), { cause: error });
  });

export interface Places {
  from: string;
  to: string;
  /** Keeps copies of the last messages that were published. */
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
        arguments: { ...CLASSIC, 'x-max-length': COPIES },
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
  /** What was taken before it is known where to go on. */
  let held: ConsumeMessage[] | undefined = [];
  /** The number of the next message, if it is to have one. */
  let next: number | undefined;
  let failure: PublishError | undefined;
  let waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const tell = () => {
    if (!failure && (moving.length > 0 || held)) return;
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

  const publish = (
    message: ConsumeMessage,
    own: Record<string, number>,
    done: (error: unknown) => void,
    bare = false,
  ): void => {
    const headers = bare ? {} : message.properties.headers;
    const properties = bare ? {} : propertiesOf(message);
    const carried = carriedHeaders(headers ?? {}, own, frameMaxOf(model));
    const options = { ...properties, headers: carried, persistent: true, mandatory: true, BCC: last };
    try {
      channel.publish('', to, message.content, options, done);
    } catch (error) {
      if (bare) fail(reasonOf(error));
      else publish(message, own, done, true);
    }
  };
  const move = (message: ConsumeMessage): void => {
    const one = { tag: message.fields.deliveryTag, confirmed: false };
    moving.push(one);
    const own: Record<string, number> = next === undefined ? {} : { [MOVED]: next++ };
    publish(message, own, (error) => {
      if (error) return fail(reasonOf(error));
      one.confirmed = true;
      // After all that are confirmed by the same frame.
      if (!acknowledging) queueMicrotask(acknowledge);
      acknowledging = true;
    });
  };

  const before = await readAll(model, last);
  const { messageCount, consumerCount } = await answerOf(channel.checkQueue(from));
  /** So many are needed to see where it was interrupted, and the broker has delivered all of them before. */
  const needed = Math.min(messageCount, before.length, WINDOW);
  let isLooking = false;
  const look = async (count: number) => {
    if (isLooking) return;
    isLooking = true;
    const head = held?.slice(0, count) ?? [];
    const where = whereToGoOn(before, head, await countUntouched(model, to));
    const taken = held ?? [];
    held = undefined;
    next = where.next;
    const upTo = taken[where.arrived - 1];
    if (upTo) channel.ack(upTo, true);
    for (const message of taken.slice(where.arrived)) move(message);
    tell();
  };
  const goOn = (count: number): void => {
    look(count).catch((error) => fail(reasonOf(error)));
  };
  const take = (message: ConsumeMessage | null): void => {
    if (!message) fail(`The queue ${from} was deleted.`);
    else if (!held) move(message);
    else {
      const count = held.push(message);
      if (!message.fields.redelivered) goOn(count - 1);
      else if (count === needed) goOn(count);
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
  // As long as a consumer is there, it is not known how much it gives back.
  if (consumerCount === 0 && (await subscribe())) {
    if (needed === 0) goOn(0);
    return transfer;
  }
  await transfer.close();
  return undefined;
};
