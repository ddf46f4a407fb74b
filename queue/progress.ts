/**
 * Finds out whether every order that was accepted until now has been applied or is a dead letter. The broker tells how
 * many jobs wait and how many consumers there are, but not how many jobs the consumers hold. So a message asks all of
 * them. A consumer answers when it is done with all jobs that it got before the question, unless it has lately put a
 * job into a delay queue that may create an order. (Jobs that create nothing may wait there for orders that do not
 * exist, so they do not count.) A consumer that does not answer may hold something: it is frozen, waits for MySQL, or
 * is another program.
 */
import type { Channel, ChannelModel } from 'amqplib';
import { withDeadline } from '../process/deadline.ts';
import { haveAllNoted, type Notes } from './notes.ts';
import { CLASSIC, convertingQueue, isThere, onChannel } from './topology.ts';

const questionsOf = (queue: string): string => `${queue}.questions`;
/** RabbitMQ's own name for answers to a channel (https://www.rabbitmq.com/docs/direct-reply-to). */
const REPLY_TO = 'amq.rabbitmq.reply-to';
/** How long consumers may take to answer, and so to be done with the jobs that they hold. */
const ANSWERS_WITHIN_MS = 5_000;

const assertQuestions = (channel: Channel, queue: string) =>
  channel.assertExchange(questionsOf(queue), 'fanout', { durable: false, autoDelete: true });

/** How many consumers the queue has, or undefined if jobs wait in it. */
const consumersOfEmpty = async (model: ChannelModel, queue: string): Promise<number | undefined> => {
  const { messageCount, consumerCount } = await onChannel(model, (channel) => channel.checkQueue(queue));
  return messageCount > 0 ? undefined : consumerCount;
};

/** Asks all consumers, and resolves when so many have answered. */
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
 * Whether all orders that the broker had confirmed when this was called are applied or dead letters.
 * @param notes where consumers note how far they are that cannot be asked, if there is such a place
 * @throws if the broker or one of the consumers does not answer within some seconds
 */
export const isAllDone = async (model: ChannelModel, queue: string, notes?: Notes): Promise<boolean> => {
  const look = () => withDeadline(consumersOfEmpty(model, queue), ANSWERS_WITHIN_MS);
  const consumers = await look();
  if (consumers === undefined) return false;
  // While the queue is converted, those who have not come to it yet take what waited before.
  if (consumers === 0)
    return !(await withDeadline(isThere(model, convertingQueue(queue)), ANSWERS_WITHIN_MS));
  const asked = onChannel(model, (channel) =>
    withDeadline(askAll(channel, queue, consumers), ANSWERS_WITHIN_MS),
  );
  await asked.catch(async (error) => {
    if (!notes || !(await haveAllNoted(notes, queue, consumers))) throw error;
  });
  // If one of the consumers is gone, its jobs wait in the queue again.
  return (await look()) === consumers;
};

/**
 * Makes a consumer answer questions, which arrive on its channel behind the jobs.
 * @param whenDone resolves when all deliveries that have arrived by now are answered
 * @param answer sends an answer to `replyTo`. It uses another connection: a broker that is short of memory reads
 *   nothing from connections that publish, and so would not read this one's acknowledgements
 * @returns whether it can be asked: its account may not be allowed to declare what that needs
 */
export const answerQuestions = async (
  model: ChannelModel,
  channel: Channel,
  queue: string,
  { whenDone, answer }: { whenDone: () => Promise<void>; answer: (replyTo: string) => void },
): Promise<boolean> => {
  const asked = await onChannel(model, async (own) => {
    await assertQuestions(own, queue);
    const { queue: name } = await own.assertQueue(`${questionsOf(queue)}.${crypto.randomUUID()}`, {
      exclusive: true,
      durable: false,
      arguments: CLASSIC,
    });
    await own.bindQueue(name, questionsOf(queue), '');
    return name;
  }).catch(() => undefined);
  if (asked === undefined) return false;
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
  return true;
};
