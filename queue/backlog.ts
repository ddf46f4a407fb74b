/** What waits in the queues, for whoever wants to know how the service keeps up. */
import type { ChannelModel, Message } from 'amqplib';
import { namesIn } from '../domain/jobs.ts';
import { isTime } from '../domain/versions.ts';
import type { Config } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';
import { openConnection } from './connection.ts';
import { answerOf, codeOf, NOT_FOUND } from './errors.ts';
import { check } from './exchange.ts';
import { DELAYS_MS, deadQueue, onChannel, retryQueue } from './topology.ts';

/** How often it is looked at. */
const LOOK_MS = 5_000;
/** For how long a queue that is not there is not asked for again, as the broker logs each such question. */
const ABSENT_MS = 60_000;

/** How many jobs there are; those that consumers have and have not answered are in none of these. */
export interface Backlog {
  /** In the queue of jobs. */
  ready: number;
  /** In the delay queues. */
  delayed: number;
  /** In the dead letters. */
  dead: number;
  /** How many take from the queue of jobs. */
  consumers: number;
  /**
   * When the first job of the queue was accepted, in milliseconds since 1970, or was seen if it does not tell. It is known
   * only while nobody takes from the queue: consumers know better otherwise.
   */
  acceptedAt: number | undefined;
}

/**
 * When the job of a message was accepted, in milliseconds since 1970: to the millisecond if it has a version, to the second
 * if its message has a timestamp. If it has neither it is now.
 */
export const acceptedAt = ({ content, properties: { timestamp } }: Message): number => {
  const said = [namesIn(content).version, typeof timestamp === 'number' ? timestamp * 1e6 : undefined];
  const microseconds = said.find((one) => Number.isFinite(one) && isTime(one ?? 0));
  return microseconds === undefined ? Date.now() : microseconds / 1e3;
};

/**
 * Watches the queues over a connection of its own: the broker reads nothing from those that publish while it is short of
 * memory, and just then somebody wants to know.
 */
export const watchBacklog = async (config: Config['rabbitmq'], observer: Observer) => {
  const { queue } = config;
  const delays = DELAYS_MS.map((ms) => retryQueue(queue, ms));
  let model: ChannelModel | undefined;
  let seen: Backlog | undefined;
  /** The first job of the queue since nobody takes from it. */
  let head: { acceptedAt: number | undefined } | undefined;
  /** Until when a queue that is not there is not asked for, as performance.now(). */
  const absentUntil = new Map<string, number>();

  const connection = await openConnection(config, observer, 'RabbitMQ for counting', {
    setup: async (connected) => {
      model = connected;
    },
    lost: () => {
      model = undefined;
      seen = undefined;
      head = undefined;
    },
  });

  const countIn = async (connected: ChannelModel, name: string) => {
    const none = { messageCount: 0, consumerCount: 0 };
    if (performance.now() < (absentUntil.get(name) ?? 0)) return none;
    try {
      return await check(connected, name);
    } catch (error) {
      if (codeOf(error) !== NOT_FOUND) throw error;
      absentUntil.set(name, performance.now() + ABSENT_MS);
      return none;
    }
  };

  /**
   * Takes the first job and gives it back, to its place. That marks it as delivered before, and so the consumer that gets
   * it later notes that it begins it: it is done once, as the first job stays the first one while nobody takes any.
   */
  const readHead = async (connected: ChannelModel) =>
    onChannel(connected, async (channel) => {
      const message = await answerOf(channel.get(queue));
      return { acceptedAt: message ? acceptedAt(message) : undefined };
    });

  const look = async (connected: ChannelModel): Promise<void> => {
    const { messageCount: ready, consumerCount: consumers } = await countIn(connected, queue);
    const { messageCount: dead } = await countIn(connected, deadQueue(queue));
    let delayed = 0;
    for (const name of delays) delayed += (await countIn(connected, name)).messageCount;
    if (ready === 0 || consumers > 0) head = undefined;
    // An account that may not read it has other things to tell.
    else head ??= await readHead(connected).catch(() => ({ acceptedAt: undefined }));
    if (model === connected) seen = { ready, delayed, dead, consumers, acceptedAt: head?.acceptedAt };
  };

  let looking = false;
  const watcher = setInterval(async () => {
    if (looking || !model) return;
    looking = true;
    await look(model).catch(() => {
      seen = undefined;
    });
    looking = false;
  }, LOOK_MS).unref();

  return {
    /** What it was like a few seconds ago; undefined if the broker is away. */
    seen: (): Backlog | undefined => seen,
    close: async (): Promise<void> => {
      clearInterval(watcher);
      await connection.close();
    },
  };
};
