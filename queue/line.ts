/** A connection on which messages are published and questions asked. What depends on it is set up anew on each one. */
import type { Channel, ChannelModel } from 'amqplib';
import type { Config } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';
import { openConnection } from './connection.ts';
import { answerOf } from './errors.ts';
import { type ChannelPatience, createPatience } from './patience.ts';
import { confirmingPublisher, type Publisher } from './publisher.ts';
import { learnSizes } from './sizes.ts';
import { assertQueue, declareBeside, isThere, topology } from './topology.ts';

/**
 * How long we wait before we declare a queue again that somebody deleted. If we did so at once, RabbitMQ 3.10 would
 * make it from what is left of the old one, and acknowledgements on it would have no effect.
 */
const DECLARE_PAUSE_MS = 3_000;

export interface Live {
  model: ChannelModel;
  publisher: Publisher;
  patience: ChannelPatience;
  /** For questions, which have a channel of their own: an error closes it, and must not take confirms with it. */
  questions: Channel;
  since: number;
}

interface Opening {
  /** How the observer and the broker's own tools name the connection. */
  name: string;
  /** Which of the hosts comes first, counted from 0. */
  startAt?: number;
  /** Which of the hosts is not tried, as another connection is there. */
  avoid?: () => number | undefined;
  /** Is called on each new connection. */
  onLive: (model: ChannelModel) => void;
  /** Is told whether a queue of jobs that is there dead-letters what is rejected. */
  onDeclared: (rejectedAreKept: boolean) => void;
}

/** Opens the connection in the background. */
export const openLine = async (
  config: Config['rabbitmq'],
  observer: Observer,
  { name, startAt = 0, avoid, onLive, onDeclared }: Opening,
) => {
  const { queue, queueType, publishTimeoutMs } = config;
  let live: Live | undefined;
  let blocked = false;
  const patienceOf = createPatience((reason) => connection.giveUp(reason));

  const setup = async (model: ChannelModel) => {
    const { jobs, dead, delays } = topology(model, config);
    if (!(await isThere(model, queue))) await assertQueue(model, observer, jobs);
    const confirms = await answerOf(model.createConfirmChannel());
    const questions = await answerOf(model.createChannel());
    for (const channel of [confirms, questions]) {
      channel.on('error', (error) => observer.channelFailed({ reason: error.message }));
      // An error closes only its channel. Close the connection too, so that everything begins anew.
      channel.on('close', () => {
        if (live?.questions === questions) live = undefined;
        setTimeout(() => model.close().catch(() => {}), DECLARE_PAUSE_MS).unref();
      });
    }
    // Writes can be accepted without these queues, so they are declared meanwhile.
    const declareAgain = declareBeside(model, observer, [jobs, dead, ...delays], (declared, hasArguments) => {
      if (declared === jobs) onDeclared(hasArguments && queueType === 'quorum');
    });
    // The watch notices if the queue of jobs is gone. Nothing else notices it of the others.
    confirms.on('return', ({ fields }) => {
      if (fields.routingKey !== queue) declareAgain(fields.routingKey, DECLARE_PAUSE_MS);
    });
    blocked = false;
    const sizes = learnSizes(model);
    const patience = patienceOf.channel();
    const publisher = confirmingPublisher(confirms, publishTimeoutMs, patience, sizes);
    live = { model, publisher, patience, questions, since: performance.now() };
    onLive(model);
  };
  const connection = await openConnection(config, observer, name, {
    setup,
    lost: () => {
      live = undefined;
    },
    startAt,
    avoid,
  });
  connection.onBlocked((reason) => {
    blocked = reason !== undefined;
    if (blocked) observer.publishingBlocked({ reason });
    else observer.publishingUnblocked({});
  });

  return {
    /** Undefined while there is no connection. */
    live: (): Live | undefined => live,
    /** Whether the broker reads nothing from it, as it is short of memory or disk. */
    isBlocked: (): boolean => blocked,
    /** Which of the hosts it is connected to. */
    host: (): number | undefined => (live ? connection.host() : undefined),
    /** Closes the connection, for which it waits two seconds at the most. */
    close: (): Promise<void> => connection.close(),
  };
};
export type Line = Awaited<ReturnType<typeof openLine>>;
