/**
 * Publishing to RabbitMQ. All that depends on the connection (topology, the confirm channel) is made anew each
 * time; until that is done, publishing fails at once.
 */
import type { Channel, ChannelModel, ConfirmChannel, Message } from 'amqplib';
import type { Config } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Log } from '../process/log.ts';
import { openConnection } from './connection.ts';
import { discardHead } from './head.ts';
import { isAllDone } from './progress.ts';
import { answerOf, confirmingPublisher, type Properties, PublishError } from './publisher.ts';
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

/** Opens the connection in the background. */
export const openBroker = async (config: Config['rabbitmq'], log: Log) => {
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
    if (!(await isThere(model, queue))) await assertQueue(model, log, jobs);
    const confirms = await answerOf(model.createConfirmChannel());
    const questions = await answerOf(model.createChannel());
    let limit: number | undefined;
    for (const channel of [confirms, questions]) {
      channel.on('error', (error) => {
        log.warn({ reason: error.message }, 'a RabbitMQ channel failed');
        const [, bytes] = TOO_LARGE.exec(error.message) ?? [];
        if (bytes !== undefined) limit = Number(bytes);
      });
      // A channel closed by an error does not take its connection with it: begin again as a whole.
      channel.on('close', () => {
        if (live?.confirms === confirms) live = undefined;
        maxBytes = limit ?? Number.POSITIVE_INFINITY;
        const pause = limit === undefined ? DECLARE_PAUSE_MS : 0;
        setTimeout(() => model.close().catch(() => {}), pause).unref();
      });
    }
    // What accepting a write does not need does not keep it waiting.
    const declareAgain = declareBeside(model, log, [jobs, ...others], (declared, hasArguments) => {
      if (declared === jobs) rejectedAreKept = hasArguments && queueType === 'quorum';
    });
    // That the queue of jobs is gone the watch finds out; of the others nobody asks.
    confirms.on('return', ({ fields }) => {
      if (fields.routingKey !== queue) declareAgain(fields.routingKey, DECLARE_PAUSE_MS);
    });
    blocked = false;
    live = { model, publish: confirmingPublisher(confirms, publishTimeoutMs), confirms, questions };
    reached();
  };
  const connection = await openConnection(config, log, 'RabbitMQ', {
    setup,
    lost: () => {
      live = undefined;
    },
  });
  connection.onBlocked((reason) => {
    blocked = reason !== undefined;
    log.warn({ reason }, blocked ? 'RabbitMQ takes no messages for now' : 'RabbitMQ takes messages again');
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
    if (overfull !== before)
      log.warn({ waiting: messageCount }, overfull ? 'too many jobs wait' : 'the backlog has shrunk');
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

  /** @throws PublishError at once where the broker is away or takes nothing, or when no confirm comes in time */
  const publish = async (to: string, body: Buffer, properties: Properties): Promise<void> => {
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

    /** Resolves once the broker was reached for the first time, or after so many milliseconds. */
    reachedWithin: (ms: number): Promise<void> => withDeadline(firstReached, ms).catch(() => {}),

    /** Whether it is connected and takes messages: where it does and refuses one, that is for the message's sake. */
    takesMessages: (): boolean => live !== undefined && !blocked,

    /** Whether the broker itself moves a job that is rejected to the dead letters, however large it is. */
    deadLettersRejected: (): boolean => rejectedAreKept,

    /** The most bytes of a frame on the connection, as both sides agreed; the headers of a message are one frame. */
    frameMax: (): number => {
      const connection = live?.model.connection ?? {};
      const agreed = 'frameMax' in connection ? Number(connection.frameMax) : 0;
      return Math.max(FRAME_MIN_BYTES, agreed || 0);
    },

    /** Puts a message on a queue and waits until the broker has it on disk. @throws PublishError */
    publish,

    /** Puts a new job on its queue, unless too many wait there. @throws PublishError */
    accept: async (body: Buffer, properties: Properties): Promise<void> => {
      if (overfull) throw new PublishError('overfull', 'Too many jobs wait.');
      await publish(queue, body, properties);
    },

    /** One round trip. @throws where the broker is away */
    ping: async (): Promise<void> => {
      await answerOf(connected().questions.checkExchange('amq.direct'));
    },

    /** How many jobs wait, those of delay queues left out. @throws PublishError where the broker is away */
    waiting: async (): Promise<number> =>
      (await answerOf(connected().questions.checkQueue(queue))).messageCount,

    /**
     * Takes messages from the head of the queue of jobs as long as they are to be discarded; the first that is not
     * goes back with those behind it.
     * @param most how many at the most
     * @returns how many were discarded
     * @throws PublishError where the broker is away
     */
    discardHead: (most: number, isDiscarded: (message: Message) => boolean): Promise<number> =>
      onChannel(connected().model, (channel) => discardHead(channel, queue, most, isDiscarded)),

    /**
     * Whether every order that was accepted until now is applied or a dead letter.
     * @throws where that cannot be known
     */
    isAllDone: async (): Promise<boolean> => isAllDone(connected().model, queue),

    /** Sends an empty message to who asked; where that cannot be, they ask again. */
    answer: (replyTo: string): void => {
      live?.questions.sendToQueue(replyTo, Buffer.alloc(0));
    },

    /**
     * Runs `work` on a channel of its own; what it took and did not acknowledge goes back in its place.
     * @throws PublishError where the broker is away, and whatever `work` throws
     */
    withChannel: async <T>(work: (channel: Channel) => Promise<T>): Promise<T> =>
      onChannel(connected().model, work),

    close: async (): Promise<void> => {
      clearInterval(watcher);
      await connection.close();
    },
  };
};
export type Broker = Awaited<ReturnType<typeof openBroker>>;
