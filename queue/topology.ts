/** The queues, by name and by argument. */
import type { Channel, ChannelModel } from 'amqplib';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import { answerOf } from './publisher.ts';

/** How long a job that failed waits before its next try: 1 s after the first failure, later the last of these. */
export const DELAYS_MS = [1_000, 5_000, 15_000, 60_000] as const;

/** @param failures how often the job has failed by now, at least once */
export const delayAfter = (failures: number): number =>
  DELAYS_MS[Math.min(failures, DELAYS_MS.length) - 1] ?? 0;

export const deadQueue = (queue: string): string => `${queue}.dead`;
export const retryQueue = (queue: string, delayMs: number): string => `${queue}.retry.${delayMs}`;

const PRECONDITION_FAILED = 406;

/**
 * Runs `work` on a channel of its own, which an error may close without harm to others. The channel is closed in
 * any case: one that stays open keeps the messages that were taken on it from everybody.
 */
export const onChannel = async <T>(
  model: ChannelModel,
  work: (channel: Channel) => Promise<T>,
): Promise<T> => {
  const channel = await answerOf(model.createChannel());
  // The error reaches the caller through the promise of the call that failed.
  channel.on('error', () => {});
  try {
    return await work(channel);
  } finally {
    // An error of the broker's has closed it already.
    await answerOf(channel.close()).catch(() => {});
  }
};

/** A queue that exists with other arguments, as an operator or another service declared it, is used as it is. */
const assertQueue = async (model: ChannelModel, log: Log, queue: string, args: Record<string, unknown>) => {
  try {
    await onChannel(model, (channel) => channel.assertQueue(queue, { durable: true, arguments: args }));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === PRECONDITION_FAILED)) throw error;
    await onChannel(model, (channel) => channel.checkQueue(queue));
    log.warn({ queue }, 'the queue exists with other arguments and is used as it is');
  }
};

const majorVersion = (model: ChannelModel): number =>
  Number.parseInt(String(model.connection.serverProperties.version), 10);

/** A quorum queue of RabbitMQ 4 drops a message after 20 deliveries, which innocent ones reach by crashes alone. */
const unlimited = (model: ChannelModel) => (majorVersion(model) >= 4 ? { 'x-delivery-limit': -1 } : {});

/** @param to where messages go that the queue gives up */
const deadLetteringTo = (to: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': to });

/**
 * Declares the queue of jobs, its dead letters and its delay queues. A message in a delay queue goes back to the
 * queue of jobs when its time is over; a quorum queue lets go of it only once the other queue has it
 * (https://www.rabbitmq.com/docs/dlx, https://www.rabbitmq.com/docs/quorum-queues). Dead letters are in a classic
 * queue: looking at them counts as delivering them.
 */
export const assertTopology = async (
  model: ChannelModel,
  log: Log,
  { queue, queueType }: Pick<Config['rabbitmq'], 'queue' | 'queueType'>,
): Promise<void> => {
  const quorum = queueType === 'quorum';
  const job = quorum
    ? { 'x-queue-type': 'quorum', ...unlimited(model), ...deadLetteringTo(deadQueue(queue)) }
    : {};
  const delay = quorum
    ? { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish', 'x-dead-letter-strategy': 'at-least-once' }
    : {};
  await assertQueue(model, log, deadQueue(queue), {});
  await assertQueue(model, log, queue, job);
  for (const ms of DELAYS_MS)
    await assertQueue(model, log, retryQueue(queue, ms), {
      ...delay,
      ...deadLetteringTo(queue),
      'x-message-ttl': ms,
    });
};
