/**
 * Looking at the messages of a queue that stay where they are. RabbitMQ has no call for that: they are taken, and go back
 * when the channel is closed. In a classic queue they go back to their places. A quorum queue hands out first what went
 * back, but up to RabbitMQ 4.2 in the order in which it did. (What is given back before, by a nack, is put in at the end.)
 * It counts how often it has handed a message out, and from its limit on it gives the message up: 20 by default from
 * RabbitMQ 4 on. We ask for no limit, but a policy may set one
 * (https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling).
 */
import type { Channel, GetMessage } from 'amqplib';
import { answerOf } from './errors.ts';

/** From so many deliveries on a message does not go back but is put in anew, at the end, where its count begins again. */
const RENEWED_AFTER = 10;
/** How many messages are taken for the order's sake alone. If more were looked at before, these come first then. */
const PASSED_BY = 1_000;

/** How often a quorum queue has handed a message out before; undefined if it is no quorum queue. */
const deliveriesOf = ({ properties: { headers = {} } }: GetMessage): number | undefined => {
  const counts = [headers['x-delivery-count'], headers['x-acquired-count']].filter(Number.isInteger);
  return counts.length > 0 ? Math.max(...counts) : undefined;
};

export interface Looking {
  queue: string;
  /** Gets a message and its place, counted from 0, and returns whether to go on. What it acknowledges does not stay. */
  visit(message: GetMessage, place: number, acknowledge: () => void): Promise<boolean>;
  /** Puts a copy of a message at the end of the queue. */
  renew(message: GetMessage): Promise<void>;
}

/**
 * Takes the messages one by one, oldest first.
 * @param channel is used for nothing else; with it they go back
 * @returns how many there are
 * @throws PublishError if the broker is away, and whatever `visit` throws
 */
export const lookAt = async (channel: Channel, { queue, visit, renew }: Looking): Promise<number> => {
  const { messageCount } = await answerOf(channel.checkQueue(queue));

  const look = async (message: GetMessage, place: number): Promise<boolean> => {
    let isAnswered = false;
    const acknowledge = () => {
      isAnswered = true;
      channel.ack(message);
    };
    const goesOn = await visit(message, place, acknowledge);
    if (!isAnswered && (deliveriesOf(message) ?? 0) >= RENEWED_AFTER)
      // If that does not succeed the message is still there.
      await renew(message).then(acknowledge, () => {});
    return goesOn;
  };
  /** Takes on as long as messages went back before, so that those that go back now do not come behind them. */
  const passBy = async (most: number): Promise<void> => {
    for (let passed = 0; passed < most; passed++) {
      const message = await answerOf(channel.get(queue));
      const isNew = message === false || !message.fields.redelivered;
      if (isNew) return;
    }
  };

  for (let place = 0; place < messageCount; place++) {
    const message = await answerOf(channel.get(queue));
    if (!message) break;
    if (await look(message, place)) continue;
    if (deliveriesOf(message) !== undefined) await passBy(Math.min(PASSED_BY, messageCount - place - 1));
    break;
  }
  return messageCount;
};
