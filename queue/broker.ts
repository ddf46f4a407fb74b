/**
 * Publishing to RabbitMQ. Everything that depends on the connection (the queues, the confirm channel) is set up again
 * on each new one. Until that is done, publishing fails at once.
 */
import type { Channel, ChannelModel } from 'amqplib';
import type { Config } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';
import { frameMaxOf } from './connection.ts';
import { answerOf, PublishError } from './errors.ts';
import { purgeHead, type QueuedMessage } from './head.ts';
import { type Line, type Live, openLine } from './line.ts';
import type { Notes } from './notes.ts';
import { createGate, hearNotices } from './notices.ts';
import { isAllDone } from './progress.ts';
import type { Properties } from './publisher.ts';
import { DELAYS_MS, deadQueue, onChannel, retryQueue } from './topology.ts';

const WATCH_INTERVAL_MS = 1_000;
/** How long a connection is there before it is the spare one's turn: until then the cluster may not have settled. */
const SETTLED_MS = 1_000;
/** A message that is refused so soon is tried over the spare connection: whoever waits for it does not wait much longer. */
const SOON_MS = 500;

/** What the service asks of RabbitMQ. */
export interface Broker {
  /** The queue of jobs. */
  readonly queue: string;

  /** Resolves when the broker has been reached for the first time, or after `ms` milliseconds. Never rejects. */
  reachedWithin(ms: number): Promise<void>;

  /**
   * Whether the broker is connected and takes messages. If it is and refuses a message all the same, the reason is in
   * that message or its queue.
   */
  takesMessages(): boolean;

  /** Whether it is left alone for now, as it is away, takes no messages, or has let one wait too long. */
  refusesAtOnce(): boolean;

  /** Whether the broker itself moves a rejected job to the dead letters, which it can however large the job is. */
  deadLettersRejected(): boolean;

  /** How many bytes a frame may have, as both sides agreed. The headers of a message must fit into one frame. */
  frameMax(): number;

  /**
   * Puts a message on a queue and waits until the broker has it on disk.
   * @throws PublishError: at once if the broker is away or takes no messages, later if no confirm comes in time
   */
  publish(queue: string, body: Buffer, properties: Properties): Promise<void>;

  /** Publishes a new job, as `publish` does. @throws PublishError, with `overfull` if too many jobs wait already */
  accept(body: Buffer, properties: Properties): Promise<void>;

  /**
   * What the queue of jobs was like when it was last looked at, which is done every second: whether more than
   * MAX_BACKLOG wait in it, and how many consumers take from it. Undefined if the broker is away or takes no messages.
   */
  seen(): { isFull: boolean; consumers: number } | undefined;

  /** Asks the broker something, to see whether it answers. @throws PublishError if it does not */
  ping(): Promise<void>;

  /** How many jobs wait in the queue of jobs, delay queues not included. @throws PublishError if the broker is away */
  waiting(): Promise<number>;

  /** How many dead letters there are. @throws PublishError if the broker is away, or has no queue for them yet */
  dead(): Promise<number>;

  /** How many jobs wait in the delay queues. @throws PublishError if the broker is away, or has not all of them yet */
  delayed(): Promise<number>;

  /**
   * Purges the head of the queue of jobs: its oldest messages, up to the first that is to stay.
   * @param most how many messages may be purged
   * @param isPurged whether a message is to be purged
   * @returns how many were purged
   * @throws PublishError if the broker is away
   */
  purgeHead(most: number, isPurged: (message: QueuedMessage) => boolean): Promise<number>;

  /**
   * Whether every order that was accepted until now is applied or a dead letter.
   * @throws if that cannot be known: the broker or one of the consumers does not answer
   */
  isAllDone(): Promise<boolean>;

  /** Answers a question of `isAllDone`. If the broker is away nothing is sent, and whoever asked will ask again. */
  answer(replyTo: string): void;

  /**
   * Runs `work` on a channel of its own. Messages that `work` takes and does not acknowledge go back to their places.
   * @throws PublishError if the broker is away, and whatever `work` throws
   */
  withChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T>;

  /** Closes the connection, for which it waits two seconds at the most. */
  close(): Promise<void>;
}

/**
 * Opens the connection in the background: the broker may be away, and is connected to when it is back.
 * @param notes where consumers note how far they are that cannot be asked, if there is such a place
 * @param hasSpare whether there is a second connection, to another host, if the settings name several. When the first
 *   one is lost, or its node is frozen, messages go on over the second one, which the queue knows already: its new leader
 *   tells it so, while a new connection may have to wait (patience.ts)
 */
export const openBroker = async (
  config: Config['rabbitmq'],
  observer: Observer,
  { notes, hasSpare = false }: { notes?: Notes; hasSpare?: boolean } = {},
): Promise<Broker> => {
  const { queue, hosts, maxBacklog } = config;
  let overfull = false;
  let consumers: number | undefined;
  let rejectedAreKept = false;
  /** Closed for a moment while the queue is exchanged for another one. */
  const gate = createGate();
  let reached = () => {};
  const firstReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const opening = {
    onLive: (model: ChannelModel) => {
      void hearNotices(model, queue, (notice) => {
        if (notice === 'pause') gate.close();
        if (notice === 'go-on') gate.open();
      });
      consumers = undefined;
      reached();
    },
    onDeclared: (areKept: boolean) => {
      rejectedAreKept = areKept;
    },
  };
  const first = await openLine(config, observer, {
    ...opening,
    name: 'RabbitMQ',
    avoid: () => spare?.host(),
  });
  const spare: Line | undefined =
    hasSpare && hosts.length > 1
      ? await openLine(config, observer, {
          ...opening,
          name: 'RabbitMQ, second connection',
          startAt: 1,
          avoid: () => first.host(),
        })
      : undefined;
  const lines = spare ? [first, spare] : [first];
  const isOpen = (line: Line) => line.live() !== undefined && !line.isBlocked();
  const isUsable = (line: Line) => isOpen(line) && !line.live()?.publisher.isSilent();
  const inUse = (): Line => (spare && !isUsable(first) && isOpen(spare) ? spare : first);

  /**
   * What asks at present. While the connection is blocked the broker reads nothing from it: a question too would wait for
   * as long as the broker's alarm lasts.
   * @throws PublishError if the broker is away or takes no messages
   */
  const connectedBy = (line: Line): Live => {
    const live = line.live();
    if (!live) throw new PublishError('refused', 'RabbitMQ is not connected.');
    if (line.isBlocked()) throw new PublishError('refused', 'RabbitMQ takes no messages for now.');
    return live;
  };
  const connected = (): Live => connectedBy(inUse());

  /**
   * Counts the jobs that wait. If the queue is gone, this question fails and closes its channel; then the connection is
   * closed as well, and the queues are declared on the next one.
   */
  const watchBacklog = async () => {
    const { messageCount, consumerCount } = await connected().questions.checkQueue(queue);
    consumers = consumerCount;
    const before = overfull;
    overfull = maxBacklog > 0 && messageCount > maxBacklog;
    if (overfull && !before) observer.backlogFull({ waiting: messageCount });
    if (!overfull && before) observer.backlogShrunk({ waiting: messageCount });
  };
  let watching = false;
  const watcher = setInterval(() => {
    if (watching || gate.isClosed()) return;
    watching = true;
    void watchBacklog()
      .catch(() => {})
      .finally(() => {
        watching = false;
      });
  }, WATCH_INTERVAL_MS).unref();

  const publishOver = (line: Line, to: string, body: Buffer, properties: Properties): Promise<void> =>
    connectedBy(line).publisher.publish(to, body, properties);

  /** Which connection a message takes. The spare one takes one at first, so that the queue knows it. */
  const choose = (other: Line, to: string): Line => {
    const live = other.live();
    const isNew = live && !live.publisher.hasConfirmed() && performance.now() - live.since > SETTLED_MS;
    if (isNew && isUsable(first) && isUsable(other)) return other;
    const line = inUse();
    // Nobody else would notice that the first one is of no use any more.
    if (line === other && first.live()?.publisher.isSilent()) first.live()?.patience.failed(to);
    return line;
  };

  const publish: Broker['publish'] = async (to, body, properties) => {
    if (to === queue && gate.isClosed()) await gate.passed();
    if (!spare) return publishOver(first, to, body, properties);
    const line = choose(spare, to);
    const other = line === first ? spare : first;
    const began = performance.now();
    try {
      await publishOver(line, to, body, properties);
    } catch (error) {
      const isRefused = error instanceof PublishError && error.outcome === 'refused';
      if (!isRefused || !isUsable(other) || performance.now() - began > SOON_MS) throw error;
      await publishOver(other, to, body, properties);
    }
  };

  return {
    queue,
    publish,
    reachedWithin: (ms) => withDeadline(firstReached, ms).catch(() => {}),
    takesMessages: () => lines.some(isOpen),
    refusesAtOnce: () => !lines.some(isUsable),
    deadLettersRejected: () => rejectedAreKept,
    frameMax: () => frameMaxOf(inUse().live()?.model),
    accept: async (body, properties) => {
      if (overfull) throw new PublishError('overfull', 'Too many jobs wait.');
      await publish(queue, body, properties);
    },
    seen: () => (consumers !== undefined && lines.some(isOpen) ? { isFull: overfull, consumers } : undefined),
    ping: async () => {
      await answerOf(connected().questions.checkExchange('amq.direct'));
    },
    waiting: async () => (await answerOf(connected().questions.checkQueue(queue))).messageCount,
    dead: async () =>
      // On a channel of its own, which a queue that is not there closes.
      onChannel(
        connected().model,
        async (channel) => (await answerOf(channel.checkQueue(deadQueue(queue)))).messageCount,
      ),
    delayed: async () => {
      const { model } = connected();
      let messages = 0;
      await onChannel(model, async (channel) => {
        for (const ms of DELAYS_MS)
          messages += (await answerOf(channel.checkQueue(retryQueue(queue, ms)))).messageCount;
      });
      return messages;
    },
    purgeHead: (most, isPurged) =>
      onChannel(connected().model, (channel) => purgeHead(channel, queue, most, isPurged)),
    isAllDone: async () => isAllDone(connected().model, queue, notes),
    answer: (replyTo) => {
      inUse().live()?.questions.sendToQueue(replyTo, Buffer.alloc(0));
    },
    withChannel: async (work) => onChannel(connected().model, work),
    close: async () => {
      clearInterval(watcher);
      gate.open();
      await Promise.all(lines.map((line) => line.close()));
    },
  };
};
