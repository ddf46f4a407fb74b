/** The queues: their names and arguments, and how they are declared. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel } from 'amqplib';
import type { Config } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';
import { ACCESS_REFUSED, answerOf, codeOf, NOT_FOUND, PRECONDITION_FAILED, reasonOf } from './errors.ts';

/** How long a job that failed waits before its next try: 1 s after the first failure, later the last of these. */
export const DELAYS_MS = [1_000, 5_000, 15_000, 60_000] as const;

/** How many milliseconds a job waits. @param failures how often it has failed by now, at least once */
export const delayAfter = (failures: number): number =>
  DELAYS_MS[Math.min(failures, DELAYS_MS.length) - 1] ?? 0;

/** The name of the queue of dead letters. @param queue the queue of jobs */
export const deadQueue = (queue: string): string => `${queue}.dead`;
/** The queue that holds the jobs from before while the queue of jobs is exchanged: see convert.ts. */
export const convertingQueue = (queue: string): string => `${queue}.converting`;
/** The name of a delay queue. @param queue the queue of jobs */
export const retryQueue = (queue: string, delayMs: number): string => `${queue}.retry.${delayMs}`;

/** How long we wait after a declaration has failed for the first time; the pause doubles each time. */
const DECLARE_AGAIN_MS = 1_000;
const DECLARE_AGAIN_MAX_MS = 30_000;

/**
 * Runs `work` on a channel of its own, so that an error, which closes the channel, does no harm to other work. The
 * channel is closed in the end in any case: while it is open nobody else gets the messages that were taken on it.
 * @throws PublishError if the broker is away, and whatever `work` throws
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

/** A queue as it is to be declared. */
export interface Queue {
  name: string;
  args: Record<string, unknown>;
  /** The arguments that it has if it was declared before RabbitMQ became as new as it is. It does as much with them. */
  before?: Record<string, unknown>;
}

/** Whether a queue exists. @throws PublishError if the broker does not say */
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

/** Declares a durable queue. @throws PublishError if it exists with other arguments, or the broker refuses */
export const declare = (model: ChannelModel, { name, args }: Queue) =>
  onChannel(model, (channel) => answerOf(channel.assertQueue(name, { durable: true, arguments: args })));

/**
 * Declares a queue. If it exists already and an operator or another service gave it other arguments, or if this account
 * may not declare it, it is used as it is.
 * @returns whether the queue has these arguments, or those from before
 * @throws PublishError if the queue is not there in the end
 */
export const assertQueue = async (
  model: ChannelModel,
  observer: Observer,
  queue: Queue,
): Promise<boolean> => {
  const { name } = queue;
  try {
    await declare(model, queue);
    return true;
  } catch (error) {
    const code = codeOf(error);
    const isOdd = code === PRECONDITION_FAILED || code === ACCESS_REFUSED;
    if (!isOdd || !(await isThere(model, name))) throw error;
    const why = code === PRECONDITION_FAILED ? 'arguments' : 'permissions';
    observer.queueDiffers({ queue: name, why, reason: reasonOf(error) });
    if (why === 'permissions' || !queue.before) return false;
    return declare(model, { name, args: queue.before }).then(
      () => true,
      () => false,
    );
  }
};

/**
 * Declares queues in the background, each by itself, and tries until the queue is there or the connection is gone.
 * @param declared is called for each queue that is there, and is told whether it has its arguments
 * @returns a function that declares a queue again, as somebody may have deleted it, after a pause in milliseconds
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

  const declareLater = async (queue: Queue, pauseMs: number) => {
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
  for (const queue of queues) void declareLater(queue, 0);
  return (name, pauseMs) => {
    const queue = queues.find((one) => one.name === name);
    if (queue) void declareLater(queue, pauseMs);
  };
};

/** Whether the broker is of this version or a newer one. */
export const isSince = (model: ChannelModel, major: number, minor: number): boolean => {
  const [itsMajor = 0, itsMinor = 0] = String(model.connection.serverProperties.version)
    .split('.')
    .map(Number);
  return itsMajor > major || (itsMajor === major && itsMinor >= minor);
};

/**
 * The type is always named: a virtual host may have a default type, and then a queue that is declared without one becomes
 * a quorum queue. A classic queue that was declared without a type counts as one that was declared with it.
 */
export const CLASSIC = { 'x-queue-type': 'classic' };
const QUORUM = { 'x-queue-type': 'quorum' };

/**
 * By default a quorum queue of RabbitMQ 4 gives a message up after 20 deliveries. An innocent one gets that far when
 * its consumers crash, and a dead letter when people look at it.
 */
const quorum = (model: ChannelModel) => ({
  ...QUORUM,
  ...(isSince(model, 4, 0) ? { 'x-delivery-limit': -1 } : {}),
});

/** Arguments of a queue that dead-letters. @param to the queue to which its messages then go */
const deadLetteringTo = (to: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': to });

/** Keeps the message until the queue of jobs has it. Quorum queues cannot delay before RabbitMQ 3.10. */
const SAFE_DELAY = {
  ...QUORUM,
  'x-overflow': 'reject-publish',
  'x-dead-letter-strategy': 'at-least-once',
};

/**
 * The queue of jobs, its dead letters and its delay queues. When its time is over a message goes from a delay queue
 * back to the queue of jobs. Quorum queues survive the loss of a node: if the queue of jobs is one, so are the others
 * (https://www.rabbitmq.com/docs/dlx, https://www.rabbitmq.com/docs/quorum-queues).
 */
export const topology = (
  model: ChannelModel,
  { queue, queueType }: Pick<Config['rabbitmq'], 'queue' | 'queueType'>,
): { jobs: Queue; dead: Queue; delays: Queue[] } => {
  const isQuorum = queueType === 'quorum';
  const toDead = deadLetteringTo(deadQueue(queue));
  const jobs = isQuorum
    ? { name: queue, args: { ...quorum(model), ...toDead }, before: { ...QUORUM, ...toDead } }
    : { name: queue, args: CLASSIC };
  const dead = { name: deadQueue(queue), args: isQuorum ? quorum(model) : CLASSIC };
  const delay = isQuorum && isSince(model, 3, 10) ? SAFE_DELAY : CLASSIC;
  const delays = DELAYS_MS.map((ms) => ({
    name: retryQueue(queue, ms),
    args: { ...delay, ...deadLetteringTo(queue), 'x-message-ttl': ms },
  }));
  return { jobs, dead, delays };
};
