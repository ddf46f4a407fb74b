/**
 * Publishing to RabbitMQ. Everything that depends on the connection (the queues, the confirm channel) is set up again
 * on each new one. Until that is done, publishing fails at once.
 */
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib';
import type { Config } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';
import { frameMaxOf, openConnection } from './connection.ts';
import { answerOf, PublishError } from './errors.ts';
import { purgeHead, type QueuedMessage } from './head.ts';
import type { Notes } from './notes.ts';
import { createGate, hearNotices } from './notices.ts';
import { isAllDone } from './progress.ts';
import { confirmingPublisher, type Properties } from './publisher.ts';
import {
  assertQueue,
  DELAYS_MS,
  declareBeside,
  isThere,
  onChannel,
  retryQueue,
  topology,
} from './topology.ts';

const WATCH_INTERVAL_MS = 1_000;
/**
 * How long we wait before we declare a queue again that somebody deleted. If we did so at once, RabbitMQ 3.10 would
 * make it from what is left of the old one, and acknowledgements on it would have no effect.
 */
const DECLARE_PAUSE_MS = 3_000;

interface Live {
  model: ChannelModel;
  publish: ReturnType<typeof confirmingPublisher>;
  confirms: ConfirmChannel;
  /** For questions, which have a channel of their own: an error closes it, and must not take confirms with it. */
  questions: Channel;
}

/** What RabbitMQ says when it refuses a message that is larger than its max_message_size. */
const TOO_LARGE = /larger than configured max size (\d+)/;

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
 */
export const openBroker = async (
  config: Config['rabbitmq'],
  observer: Observer,
  notes?: Notes,
): Promise<Broker> => {
  const { queue, queueType, publishTimeoutMs, maxBacklog } = config;
  let live: Live | undefined;
  let blocked = false;
  let overfull = false;
  let consumers: number | undefined;
  /**
   * How large a message may be, if the broker has said so. A larger one would close the channel, and fail all others.
   */
  let maxBytes = Number.POSITIVE_INFINITY;
  let rejectedAreKept = false;
  /** Closed for a moment while the queue is exchanged for another one. */
  const gate = createGate();
  let reached = () => {};
  const firstReached = new Promise<void>((resolve) => {
    reached = resolve;
  });

  const setup = async (model: ChannelModel) => {
    const { jobs, dead, delays } = topology(model, config);
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
    const declareAgain = declareBeside(model, observer, [jobs, dead, ...delays], (declared, hasArguments) => {
      if (declared === jobs) rejectedAreKept = hasArguments && queueType === 'quorum';
    });
    // The watch notices if the queue of jobs is gone. Nothing else notices it of the others.
    confirms.on('return', ({ fields }) => {
      if (fields.routingKey !== queue) declareAgain(fields.routingKey, DECLARE_PAUSE_MS);
    });
    void hearNotices(model, queue, (notice) => {
      if (notice === 'pause') gate.close();
      if (notice === 'go-on') gate.open();
    });
    blocked = false;
    consumers = undefined;
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

  /**
   * What publishes and asks at present. While the connection is blocked the broker reads nothing from it: a question
   * too would wait for as long as the broker's alarm lasts.
   * @throws PublishError if the broker is away or takes no messages
   */
  const connected = (): Live => {
    if (!live) throw new PublishError('refused', 'RabbitMQ is not connected.');
    if (blocked) throw new PublishError('refused', 'RabbitMQ takes no messages for now.');
    return live;
  };

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

  const publish: Broker['publish'] = async (to, body, properties) => {
    if (to === queue && gate.isClosed()) await gate.passed();
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
    frameMax: () => frameMaxOf(live?.model),
    accept: async (body, properties) => {
      if (overfull) throw new PublishError('overfull', 'Too many jobs wait.');
      await publish(queue, body, properties);
    },
    seen: () =>
      live === undefined || blocked || consumers === undefined ? undefined : { isFull: overfull, consumers },
    ping: async () => {
      await answerOf(connected().questions.checkExchange('amq.direct'));
    },
    waiting: async () => (await answerOf(connected().questions.checkQueue(queue))).messageCount,
    delayed: async () => {
      const { model } = connected();
      let messages = 0;
      // On a channel of its own, which a queue that is not there closes.
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
      live?.questions.sendToQueue(replyTo, Buffer.alloc(0));
    },
    withChannel: async (work) => onChannel(connected().model, work),
    close: async () => {
      clearInterval(watcher);
      gate.open();
      await connection.close();
    },
  };
};
