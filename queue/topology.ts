/** The queues, by name and by argument. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel } from 'amqplib';
import type { Config } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';
import { answerOf, codeOf, reasonOf } from './errors.ts';

/** How long a job that failed waits before its next try: 1 s after the first failure, later the last of these. */
export const DELAYS_MS = [1_000, 5_000, 15_000, 60_000] as const;

/** @param failures how often the job has failed by now, at least once */
export const delayAfter = (failures: number): number =>
  DELAYS_MS[Math.min(failures, DELAYS_MS.length) - 1] ?? 0;

export const deadQueue = (queue: string): string => `${queue}.dead`;
export const retryQueue = (queue: string, delayMs: number): string => `${queue}.retry.${delayMs}`;

const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;
const PRECONDITION_FAILED = 406;
/** From the first failure of a declaration to its next try; then twice as long each time. */
const DECLARE_AGAIN_MS = 1_000;
const DECLARE_AGAIN_MAX_MS = 30_000;

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
    // After an error the broker has closed the channel already.
    await answerOf(channel.close()).catch(() => {});
  }
};

export interface Queue {
  name: string;
  args: Record<string, unknown>;
}

/** Whether a queue is there. @throws PublishError where the broker does not say */
export const isThere = (model: ChannelModel, queue: string): Promise<boolean> =>
  onChannel(model, async (channel) => {
    try {
      await answerOf(channel.checkQueue(queue));
      return true;
    } catch (error) {
      if (codeOf(error) === NOT_FOUND) return false;
      throw error;
    }
  });

/**
 * Declares a queue. One that exists with other arguments, as an operator or another service declared it, or that
 * this account may not declare, is used as it is.
 * @returns whether it has these arguments
 * @throws PublishError
 */
export const assertQueue = async (
  model: ChannelModel,
  observer: Observer,
  { name, args }: Queue,
): Promise<boolean> => {
  try {
    await onChannel(model, (channel) =>
      answerOf(channel.assertQueue(name, { durable: true, arguments: args })),
    );
    return true;
  } catch (error) {
    const code = codeOf(error);
    const isOdd = code === PRECONDITION_FAILED || code === ACCESS_REFUSED;
    if (!isOdd || !(await isThere(model, name))) throw error;
    observer.queueDiffers({ queue: name, why: code === PRECONDITION_FAILED ? 'arguments' : 'permissions' });
    return false;
  }
};

/**
 * Declares queues beside whatever else is done, each by itself and until it is there or the connection is gone.
 * @param declared is told each time whether the queue has its arguments
 * @returns declares one again, as one that was deleted, after so many milliseconds
 */
export const declareBeside = (
  model: ChannelModel,
  observer: Observer,
  queues: Queue[],
  declared: (queue: Queue, hasArguments: boolean) => void,
): ((name: string, pauseMs: number) => void) => {
  const declaring = new Set<string>();
  let open = true;
  model.on('close', () => {
    open = false;
  });

  const declare = async (queue: Queue, pauseMs: number) => {
    if (declaring.has(queue.name)) return;
    declaring.add(queue.name);
    await sleep(pauseMs, undefined, { ref: false });
    for (let tries = 0; open; tries++)
      try {
        declared(queue, await assertQueue(model, observer, queue));
        if (tries > 0) observer.queueDeclared({ queue: queue.name });
        break;
      } catch (error) {
        if (tries === 0 && open) observer.queueNotDeclared({ queue: queue.name, reason: reasonOf(error) });
        const pause = Math.min(DECLARE_AGAIN_MAX_MS, DECLARE_AGAIN_MS * 2 ** tries);
        await sleep(pause, undefined, { ref: false });
      }
    declaring.delete(queue.name);
  };
  for (const queue of queues) void declare(queue, 0);
  return (name, pauseMs) => {
    const queue = queues.find((one) => one.name === name);
    if (queue) void declare(queue, pauseMs);
  };
};

const majorVersion = (model: ChannelModel): number =>
  Number.parseInt(String(model.connection.serverProperties.version), 10);

/** A quorum queue of RabbitMQ 4 drops a message after 20 deliveries, which innocent ones reach by crashes alone. */
const unlimited = (model: ChannelModel) => (majorVersion(model) >= 4 ? { 'x-delivery-limit': -1 } : {});

/** @param to where messages go that the queue gives up */
const deadLetteringTo = (to: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': to });

/**
 * The queue of jobs, its dead letters and its delay queues. A message in a delay queue goes back to the queue of
 * jobs when its time is over; a quorum queue lets go of it only once the other queue has it
 * (https://www.rabbitmq.com/docs/dlx, https://www.rabbitmq.com/docs/quorum-queues). Dead letters are in a classic
 * queue: looking at them counts as delivering them.
 */
export const topology = (
  model: ChannelModel,
  { queue, queueType }: Pick<Config['rabbitmq'], 'queue' | 'queueType'>,
): { jobs: Queue; others: Queue[] } => {
  const quorum = queueType === 'quorum';
  const job = quorum
    ? { 'x-queue-type': 'quorum', ...unlimited(model), ...deadLetteringTo(deadQueue(queue)) }
    : {};
  const delay = quorum
    ? { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish', 'x-dead-letter-strategy': 'at-least-once' }
    : {};
  const delays = DELAYS_MS.map((ms) => ({
    name: retryQueue(queue, ms),
    args: { ...delay, ...deadLetteringTo(queue), 'x-message-ttl': ms },
  }));
  return { jobs: { name: queue, args: job }, others: [{ name: deadQueue(queue), args: {} }, ...delays] };
};
