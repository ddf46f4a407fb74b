/**
 * Publishing to RabbitMQ. All that depends on the connection (topology, the confirm channel) is made anew each
 * time; until that is done, publishing fails at once.
 */
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib';
import type { Config } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';
import { openConnection } from './connection.ts';
import { answerOf, PublishError } from './errors.ts';
import { purgeHead, type QueuedMessage } from './head.ts';
import { isAllDone } from './progress.ts';
import { confirmingPublisher, type Properties } from './publisher.ts';
import { assertQueue, declareBeside, isThere, onChannel, topology } from './topology.ts';

const WATCH_INTERVAL_MS = 1_000;
/**
 * How long a queue that was deleted stays away: RabbitMQ 3.10 makes one that is declared again at once from what is
 * left of the old one, and its consumers' acknowledgements have no effect.
 */
const DECLARE_PAUSE_MS = 3_000;

interface Live {
  model: ChannelModel;
  publish: ReturnType<typeof confirmingPublisher>;
  confirms: ConfirmChannel;
  /** For questions: an error closes their channel, which must not take confirms with it. */
  questions: Channel;
}

/** How RabbitMQ refuses a message that is larger than its max_message_size. */
const TOO_LARGE = /larger than configured max size (\d+)/;
const FRAME_MIN_BYTES = 4_096;

/** What the service asks of RabbitMQ. */
export interface Broker {
  /** The queue of jobs. */
  readonly queue: string;

  /** Resolves once the broker was reached for the first time, or after so many milliseconds. */
  reachedWithin(ms: number): Promise<void>;

  /** Whether it is connected and takes messages: where it does and refuses one, that is for the message's sake. */
  takesMessages(): boolean;

  /** Whether the broker itself moves a job that is rejected to the dead letters, however large it is. */
  deadLettersRejected(): boolean;

  /** The most bytes of a frame on the connection, as both sides agreed; the headers of a message are one frame. */
  frameMax(): number;

  /**
   * Puts a message on a queue and waits until the broker has it on disk.
   * @throws PublishError at once where the broker is away or takes nothing, or when no confirm comes in time
   */
  publish(queue: string, body: Buffer, properties: Properties): Promise<void>;

  /** Puts a new job on its queue, unless too many wait there. @throws PublishError */
  accept(body: Buffer, properties: Properties): Promise<void>;

  /** One round trip. @throws PublishError where the broker is away */
  ping(): Promise<void>;

  /** How many jobs wait, those of delay queues left out. @throws PublishError where the broker is away */
  waiting(): Promise<number>;

  /**
   * Purges the head of the queue of jobs: its oldest messages, up to the first that is to stay.
   * @param most how many messages may be purged
   * @param isPurged whether a message is to be purged
   * @returns how many were purged
   * @throws PublishError where the broker is away
   */
  purgeHead(most: number, isPurged: (message: QueuedMessage) => boolean): Promise<number>;

  /** Whether every order that was accepted until now is applied or a dead letter. @throws where that cannot be known */
  isAllDone(): Promise<boolean>;

  /** Sends an empty message to who asked; where that cannot be, they ask again. */
  answer(replyTo: string): void;

  /**
   * Runs `work` on a channel of its own; what it took and did not acknowledge goes back in its place.
   * @throws PublishError where the broker is away, and whatever `work` throws
   */
  withChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T>;

  close(): Promise<void>;
}

/** Opens the connection in the background. */
export const openBroker = async (config: Config['rabbitmq'], observer: Observer): Promise<Broker> => {
  const { queue, queueType, publishTimeoutMs, maxBacklog } = config;
  let live: Live | undefined;
  let blocked = false;
  let overfull = false;
  /** Of a message, as far as the broker has said so: what is larger would close the channel for all others too. */
  let maxBytes = Number.POSITIVE_INFINITY;
  let rejectedAreKept = false;
  let reached = () => {};
  const firstReached = new Promise<void>((resolve) => {
    reached = resolve;
  });

  const setup = async (model: ChannelModel) => {
    const { jobs, others } = topology(model, config);
    if (!(await isThere(model, queue))) await assertQueue(model, observer, jobs);
    const confirms = await answerOf(model.createConfirmChannel());
    const questions = await answerOf(model.createChannel());
    let limit: number | undefined;
    for (const channel of [confirms, questions]) {
      channel.on('error', (error) => {
        observer.channelFailed({ reason: error.message });
        const [, bytes] = TOO_LARGE.exec(error.message) ?? [];
        if (bytes !== undefined) limit = Number(bytes);
      });
      // An error closes only its channel. Close the connection too, so that everything begins anew.
      channel.on('close', () => {
        if (live?.confirms === confirms) live = undefined;
        maxBytes = limit ?? Number.POSITIVE_INFINITY;
        const pause = limit === undefined ? DECLARE_PAUSE_MS : 0;
        setTimeout(() => model.close().catch(() => {}), pause).unref();
      });
    }
    // Writes can be accepted without these queues, so they are declared meanwhile.
    const declareAgain = declareBeside(model, observer, [jobs, ...others], (declared, hasArguments) => {
      if (declared === jobs) rejectedAreKept = hasArguments && queueType === 'quorum';
    });
    // The watch notices if the queue of jobs is gone. Nothing else notices it of the others.
    confirms.on('return', ({ fields }) => {
      if (fields.routingKey !== queue) declareAgain(fields.routingKey, DECLARE_PAUSE_MS);
    });
    blocked = false;
    live = { model, publish: confirmingPublisher(confirms, publishTimeoutMs), confirms, questions };
    reached();
  };
  const connection = await openConnection(config, observer, 'RabbitMQ', {
    setup,
    lost: () => {
      live = undefined;
    },
  });
  connection.onBlocked((reason) => {
    blocked = reason !== undefined;
    if (blocked) observer.publishingBlocked({ reason });
    else observer.publishingUnblocked({});
  });

  /** A connection that is blocked is not read from either: a question on it would wait as long as the alarm. */
  const connected = (): Live => {
    if (!live) throw new PublishError('refused', 'RabbitMQ is not connected.');
    if (blocked) throw new PublishError('refused', 'RabbitMQ takes no messages for now.');
    return live;
  };

  /** Also finds out that the queue is gone: the question then closes its channel, and all is declared anew. */
  const watchBacklog = async () => {
    const { messageCount } = await connected().questions.checkQueue(queue);
    const before = overfull;
    overfull = maxBacklog > 0 && messageCount > maxBacklog;
    if (overfull && !before) observer.backlogFull({ waiting: messageCount });
    if (!overfull && before) observer.backlogShrunk({ waiting: messageCount });
  };
  let watching = false;
  const watcher = setInterval(() => {
    if (watching) return;
    watching = true;
    void watchBacklog()
      .catch(() => {})
      .finally(() => {
        watching = false;
      });
  }, WATCH_INTERVAL_MS).unref();

  const publish: Broker['publish'] = async (to, body, properties) => {
    const { publish } = connected();
    if (body.length > maxBytes)
      throw new PublishError(
        'impossible',
        `The message has ${body.length} bytes, and RabbitMQ takes ${maxBytes} at the most.`,
      );
    await publish(to, body, properties);
  };

  return {
    queue,
    publish,
    reachedWithin: (ms) => withDeadline(firstReached, ms).catch(() => {}),
    takesMessages: () => live !== undefined && !blocked,
    deadLettersRejected: () => rejectedAreKept,
    frameMax: () => {
      const connection = live?.model.connection ?? {};
      const agreed = 'frameMax' in connection ? Number(connection.frameMax) : 0;
      return Math.max(FRAME_MIN_BYTES, agreed || 0);
    },
    accept: async (body, properties) => {
      if (overfull) throw new PublishError('overfull', 'Too many jobs wait.');
      await publish(queue, body, properties);
    },
    ping: async () => {
      await answerOf(connected().questions.checkExchange('amq.direct'));
    },
    waiting: async () => (await answerOf(connected().questions.checkQueue(queue))).messageCount,
    purgeHead: (most, isPurged) =>
      onChannel(connected().model, (channel) => purgeHead(channel, queue, most, isPurged)),
    isAllDone: async () => isAllDone(connected().model, queue),
    answer: (replyTo) => {
      live?.questions.sendToQueue(replyTo, Buffer.alloc(0));
    },
    withChannel: async (work) => onChannel(connected().model, work),
    close: async () => {
      clearInterval(watcher);
      await connection.close();
    },
  };
};
