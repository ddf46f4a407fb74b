/**
 * Whether every order that was accepted until now has been applied, or is a dead letter. The broker tells how many jobs
 * wait and how many consumers there are, but not how many jobs these hold: they are asked, by a message to all of them,
 * and answer when they hold nothing any more that they got before the question, and have lately put no job into a delay
 * queue that may create an order. (Others wait there for orders that are not there, which says nothing.) A consumer that
 * does not answer (it is frozen, waits for MySQL, or is another program) may hold something.
 */
import type { Channel, ChannelModel } from 'amqplib';
import { withDeadline } from '../process/deadline.ts';
import { onChannel } from './topology.ts';

const questionsOf = (queue: string): string => `${queue}.questions`;
/** RabbitMQ's own name for answers to a channel (https://www.rabbitmq.com/docs/direct-reply-to). */
const REPLY_TO = 'amq.rabbitmq.reply-to';
/** How long consumers may take to be done with what they hold. */
const ANSWERS_WITHIN_MS = 5_000;

const assertQuestions = (channel: Channel, queue: string) =>
  channel.assertExchange(questionsOf(queue), 'fanout', { durable: false, autoDelete: true });

/** How many consumers there are, where no job waits. */
const consumersOfEmpty = async (model: ChannelModel, queue: string): Promise<number | undefined> => {
  const { messageCount, consumerCount } = await onChannel(model, (channel) => channel.checkQueue(queue));
  return messageCount > 0 ? undefined : consumerCount;
};

/** Resolves when so many have answered. */
const askAll = (channel: Channel, queue: string, consumers: number): Promise<void> =>
  new Promise((resolve, reject) => {
    let answers = 0;
    const begin = async () => {
      await channel.consume(
        REPLY_TO,
        (answer) => {
          if (answer && ++answers === consumers) resolve();
        },
        { noAck: true },
      );
      await assertQuestions(channel, queue);
      channel.publish(questionsOf(queue), '', Buffer.alloc(0), { replyTo: REPLY_TO });
    };
    begin().catch(reject);
  });

/**
 * Whether all orders that the broker had taken when this was called are done.
 * @throws where the broker does not answer, or consumers do not within some seconds
 */
export const isAllDone = async (model: ChannelModel, queue: string): Promise<boolean> => {
  const look = () => withDeadline(consumersOfEmpty(model, queue), ANSWERS_WITHIN_MS);
  const consumers = await look();
  if (consumers === undefined) return false;
  if (consumers === 0) return true;
  await onChannel(model, (channel) => withDeadline(askAll(channel, queue, consumers), ANSWERS_WITHIN_MS));
  // If one of the consumers is gone, its jobs wait in the queue again.
  return (await look()) === consumers;
};

/**
 * Makes a consumer answer questions, which come behind the jobs on its channel. Where that is not to be had, as an
 * account may not, it gives no answers.
 * @param whenDone resolves when what was delivered until now is answered
 * @param answer sends an answer to where a question wants it, by another connection: from one that publishes, a broker
 *   short of memory would not read acknowledgements
 */
export const answerQuestions = async (
  model: ChannelModel,
  channel: Channel,
  queue: string,
  { whenDone, answer }: { whenDone: () => Promise<void>; answer: (replyTo: string) => void },
): Promise<void> => {
  const asked = await onChannel(model, async (own) => {
    await assertQuestions(own, queue);
    const { queue: name } = await own.assertQueue(`${questionsOf(queue)}.${crypto.randomUUID()}`, {
      exclusive: true,
      durable: false,
    });
    await own.bindQueue(name, questionsOf(queue), '');
    return name;
  }).catch(() => undefined);
  if (asked === undefined) return;
  await channel.consume(
    asked,
    async (question) => {
      const replyTo: unknown = question?.properties.replyTo;
      if (typeof replyTo !== 'string') return;
      await whenDone();
      answer(replyTo);
    },
    { noAck: true, exclusive: true },
  );
};
