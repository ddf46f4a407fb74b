/** The queues, by name and by argument. */
import type { Channel, ChannelModel } from 'amqplib';
import type { Log } from '../log.ts';

/** How long a job that failed waits before each further try; its place in the list is the attempt that failed. */
export const RETRY_DELAYS_MS = [1_000, 2_000, 4_000, 8_000] as const;

export const deadQueue = (queue: string): string => `${queue}.dead`;
export const retryQueue = (queue: string, delayMs: number): string => `${queue}.retry.${delayMs}`;

const PRECONDITION_FAILED = 406;

/** Runs `work` on a channel of its own, which an error may close without harm to others. */
const onChannel = async <T>(model: ChannelModel, work: (channel: Channel) => Promise<T>): Promise<T> => {
  const channel = await model.createChannel();
  // The error reaches the caller through the promise of the call that failed.
  channel.on('error', () => {});
  const result = await work(channel);
  await channel.close();
  return result;
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

/**
 * Declares the queue of jobs, its dead letters and its delay queues. A message in a delay queue goes back to
 * the queue of jobs when its time is over (https://www.rabbitmq.com/docs/dlx, https://www.rabbitmq.com/docs/ttl).
 */
export const assertTopology = async (model: ChannelModel, log: Log, queue: string): Promise<void> => {
  await assertQueue(model, log, queue, {});
  await assertQueue(model, log, deadQueue(queue), {});
  for (const delay of RETRY_DELAYS_MS)
    await assertQueue(model, log, retryQueue(queue, delay), {
      'x-message-ttl': delay,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': queue,
    });
};
