/** Publishing events for other services to a durable topic exchange, by which anybody may have them in a queue. */
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import type { Config } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';
import { openConnection } from './connection.ts';
import { ACCESS_REFUSED, answerOf, codeOf, PRECONDITION_FAILED, PublishError, reasonOf } from './errors.ts';
import { createPatience } from './patience.ts';
import { learnSizes, type Sizes } from './sizes.ts';
import { onChannel } from './topology.ts';

const CONTENT_TYPE = 'application/cloudevents+json; charset=utf-8';

/** What is published. `type` is the routing key. */
export interface Publication {
  id: string;
  type: string;
  /** In milliseconds since 1970. */
  at: number;
  /** Makes the body, which nobody needs if nobody wants events of this type; without what may be large, if `isBare`. */
  body: (isBare?: boolean) => Buffer;
}

export interface Published<Event> {
  confirmed: Event[];
  problem?: unknown;
}

export interface EventPublisher {
  /**
   * Publishes events, and waits until the broker has each in the queues that are bound to the exchange. Of a type for
   * which no queue is bound the broker is sent one, and would drop the others. Never rejects.
   * @returns those that it has, and the first reason why it does not have others
   */
  publish<Event extends Publication>(events: Event[]): Promise<Published<Event>>;
  close(): Promise<void>;
}

/**
 * Declares the exchange. One that is there is used as it is if this account may not declare it, or if nothing but its
 * arguments differs.
 * @throws the broker's error if it is not there in the end, or is of another type
 */
const declare = async (model: ChannelModel, exchange: string): Promise<void> => {
  try {
    await onChannel(model, (channel) =>
      answerOf(channel.assertExchange(exchange, 'topic', { durable: true })),
    );
  } catch (error) {
    const code = codeOf(error);
    const isOdd = code === PRECONDITION_FAILED && !reasonOf(error).includes("arg 'type'");
    if (!isOdd && code !== ACCESS_REFUSED) throw error;
    await onChannel(model, (channel) => answerOf(channel.checkExchange(exchange)));
  }
};

/** Opens a connection of its own in the background, and declares the exchange on each new one. */
export const openEventPublisher = async (
  config: Config['rabbitmq'],
  observer: Observer,
): Promise<EventPublisher> => {
  const { eventsExchange: exchange, publishTimeoutMs } = config;
  let channel: ConfirmChannel | undefined;
  let sizes: Sizes | undefined;
  let blocked = false;
  /** How many events on this channel are not confirmed: no more are sent meanwhile, as they would pile up in memory. */
  let unconfirmed = 0;
  /** The ids of events that no queue is bound for. The broker returns them before it confirms them. */
  const unwanted = new Set<string>();
  const patienceOf = createPatience((reason) => connection.giveUp(reason));
  let patience = patienceOf.channel();
  const connection = await openConnection(config, observer, 'RabbitMQ', {
    setup: async (model) => {
      await declare(model, exchange);
      const confirms = await answerOf(model.createConfirmChannel());
      confirms.on('return', ({ properties }) => unwanted.add(properties.messageId));
      confirms.on('error', (error) => observer.channelFailed({ reason: error.message }));
      confirms.on('close', () => {
        if (channel === confirms) channel = undefined;
        model.close().catch(() => {});
      });
      blocked = false;
      patience = patienceOf.channel();
      unconfirmed = 0;
      unwanted.clear();
      sizes = learnSizes(model);
      channel = confirms;
    },
    lost: () => {
      channel = undefined;
    },
  });

  connection.onBlocked((reason) => {
    blocked = reason !== undefined;
  });

  const send = (confirms: ConfirmChannel, { id, type, at }: Publication, body: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      const options = {
        persistent: true,
        mandatory: true,
        contentType: CONTENT_TYPE,
        messageId: id,
        timestamp: Math.floor(at / 1000),
        type,
      };
      unconfirmed++;
      confirms.publish(exchange, type, body, options, (error) => {
        if (channel === confirms) unconfirmed--;
        if (error) {
          reject(new PublishError('refused', reasonOf(error)));
          patience.failed(exchange);
        } else {
          patience.taken(exchange);
          resolve();
        }
      });
    });

  /** An event that is too large for the broker, even without its order, is given up: it would hold up all others. */
  const sendFitting = async (
    confirms: ConfirmChannel,
    known: Sizes,
    event: Publication,
    whole: Buffer,
  ): Promise<void> => {
    for (const body of [whole, event.body(true)])
      try {
        await known.check(body.length);
        return await send(confirms, event, body);
      } catch (error) {
        if (!(error instanceof PublishError && error.outcome === 'impossible')) throw error;
        observer.eventCutShort({ id: event.id, reason: error.message });
      }
  };
  const publishOne = (confirms: ConfirmChannel, known: Sizes, event: Publication): Promise<void> => {
    const body = event.body();
    if (known.isTaken(body.length)) return send(confirms, event, body);
    return sendFitting(confirms, known, event, body);
  };

  return {
    publish: async (events) => {
      const confirms = channel;
      const known = sizes;
      if (!confirms || !known)
        return { confirmed: [], problem: new PublishError('refused', 'RabbitMQ is not connected.') };
      if (unconfirmed > 0 && !blocked) patience.failed(exchange);
      if (blocked || unconfirmed > 0)
        return { confirmed: [], problem: new PublishError('refused', 'RabbitMQ takes no events for now.') };
      const confirmed: typeof events = [];
      let problem: unknown;
      const failed = (error: unknown) => {
        problem ??= error;
      };
      const publishAll = async (some: typeof events): Promise<void> => {
        const tries = some.map((event) =>
          publishOne(confirms, known, event).then(() => void confirmed.push(event), failed),
        );
        await withDeadline(Promise.all(tries), publishTimeoutMs).catch(failed);
      };
      const firsts = new Map(events.toReversed().map((event) => [event.type, event]));
      await publishAll([...firsts.values()]);
      const isWanted = ({ type }: Publication) => !unwanted.has(firsts.get(type)?.id ?? '');
      const others = events.filter((event) => firsts.get(event.type) !== event);
      const wanted = others.filter(isWanted);
      confirmed.push(...others.filter((event) => !isWanted(event)));
      unwanted.clear();
      if (problem === undefined) await publishAll(wanted);
      unwanted.clear();
      return { confirmed: [...confirmed], problem };
    },
    close: () => connection.close(),
  };
};
