/**
 * Which queues a consumer takes messages from. It is the queue of jobs, but while that is converted (convert.ts): what
 * waited in it is in another queue then, and that comes first. A consumer takes from that one only until nothing waits
 * there any more, and then from both, as what a consumer that died held comes back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { Config } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';
import { createAcknowledger } from './acknowledger.ts';
import { openConnection } from './connection.ts';
import { type Notes, noteProgress } from './notes.ts';
import { hearNotices, PAUSE_MS } from './notices.ts';
import { answerQuestions } from './progress.ts';
import { convertingQueue, isThere } from './topology.ts';

const CLOSE_TIMEOUT_MS = 2_000;
/** How long we wait until a consumer can be asked whether it is done. It takes jobs meanwhile. */
const LISTENING_WITHIN_MS = 1_000;
/** How often a consumer looks whether anything is left of what waited before the conversion. */
const LOOK_MS = 250;
/** What others hold of it they have answered, or have come to the queue of jobs too, when nothing waited for so long. */
const SETTLED_MS = 1_000;
/** How long a consumer that makes way may take to be done with what it holds; the rest goes back to its place. */
const LEAVE_WITHIN_MS = 4_000;
/** How long it then leaves the queue to who converts it. */
const AWAY_MS = 6_000;

export interface Subscription {
  queue: string;
  channel: Channel;
  open: boolean;
  consumerTag: string | undefined;
  acknowledger: ReturnType<typeof createAcknowledger>;
}

export interface Taking {
  /** How many messages of a queue the broker hands out before the first is answered. */
  prefetch: number;
  /** Which consumers get messages first (https://www.rabbitmq.com/docs/consumer-priority). */
  priority: number;
  onMessage: (message: ConsumeMessage, subscription: Subscription) => void;
  /** Sends an answer by another connection. */
  answer: (replyTo: string) => void;
  /** Whether no job may be in a delay queue that this process put there. */
  hasNoneDelayed: () => boolean;
  /** Where it notes how far it is if it cannot be asked, if there is such a place. */
  notes: Notes | undefined;
}

/** Subscribes, and again after each reconnection. */
export const openSubscriptions = async (
  config: Config['rabbitmq'],
  observer: Observer,
  { prefetch, priority, onMessage, answer, hasNoneDelayed, notes }: Taking,
) => {
  const { queue } = config;
  const before = convertingQueue(queue);
  let subscriptions: Subscription[] = [];
  let ending = false;
  let awayUntil = Number.NEGATIVE_INFINITY;
  const begin = () => {
    if (!ending) connection.reconnect();
  };

  /** Since when nothing waits of what was there before the conversion; undefined where something may. */
  let emptySince: number | undefined;
  const holdsNoneBefore = () =>
    !subscriptions.some(({ queue: from, open }) => from === before && open) ||
    (emptySince !== undefined && performance.now() - emptySince > SETTLED_MS);

  const take = async (model: ChannelModel, from: string): Promise<void> => {
    const channel = await model.createChannel();
    const acknowledger = createAcknowledger(channel);
    const current: Subscription = { queue: from, channel, open: true, consumerTag: undefined, acknowledger };
    const isWanted = () => current.consumerTag !== undefined && current.open;
    channel.on('error', (error) => {
      if (isWanted()) observer.subscriptionFailed({ reason: error.message });
    });
    channel.on('close', () => {
      const wasWanted = isWanted();
      current.open = false;
      if (wasWanted) begin();
    });
    await channel.prefetch(prefetch);
    const onDelivery = (message: ConsumeMessage | null) => {
      if (message) {
        acknowledger.arrived(message);
        return onMessage(message, current);
      }
      // The conversion is over; those who have come to the queue of jobs go on there.
      current.open = from !== before || !subscriptions.some((one) => one.queue === queue && one.open);
      if (!current.open) return;
      observer.subscriptionEnded({ queue: from });
      begin();
    };
    const { consumerTag } = await channel.consume(from, onDelivery, { priority });
    current.consumerTag = consumerTag;
    subscriptions.push(current);
    const isDone = () => from === before || (hasNoneDelayed() && holdsNoneBefore());
    const { whenDone } = acknowledger;
    const listening = answerQuestions(model, channel, from, {
      whenDone,
      answer: (replyTo) => {
        if (isDone()) answer(replyTo);
      },
    });
    // A cluster one of whose nodes is frozen takes a minute to declare what that needs.
    const canBeAsked = await withDeadline(listening, LISTENING_WITHIN_MS).catch(() => false);
    if (!canBeAsked && notes)
      void noteProgress(notes, channel, from, { isOpen: () => current.open, whenDone, isDone }).catch(
        () => {},
      );
    observer.consuming({ queue: from, prefetch });
  };

  /** Comes to the queue of jobs once nothing waits of what was there before. */
  const takeBoth = async (model: ChannelModel): Promise<void> => {
    const [first] = subscriptions;
    const questions = await model.createChannel();
    questions.on('error', () => {});
    let joined = false;
    while (first?.open && !ending) {
      const { messageCount } = await questions.checkQueue(before);
      emptySince = messageCount > 0 ? undefined : (emptySince ?? performance.now());
      if (!joined && messageCount === 0 && performance.now() > awayUntil)
        // Refused as long as the command moves what waits there.
        joined = await take(model, queue).then(
          () => true,
          () => false,
        );
      await sleep(LOOK_MS, undefined, { ref: false });
    }
    await questions.close();
  };

  const cancel = ({ channel, consumerTag }: Subscription): Promise<void> =>
    consumerTag === undefined
      ? Promise.resolve()
      : withDeadline(channel.cancel(consumerTag), CLOSE_TIMEOUT_MS).then(
          () => {},
          () => {},
        );
  /** Closing a channel is a round trip behind the answers sent on it; closing the connection may overtake them. */
  const close = ({ channel, open }: Subscription): Promise<void> =>
    open ? withDeadline(channel.close(), CLOSE_TIMEOUT_MS).catch(() => {}) : Promise.resolve();

  /** Leaves the queue of jobs with nothing of it in hand. */
  const makeWay = async (replyTo: string | undefined): Promise<void> => {
    awayUntil = performance.now() + AWAY_MS;
    const leaving = subscriptions.filter(({ open }) => open);
    if (ending || !leaving.some((one) => one.queue === queue)) return;
    observer.madeWay({ queue });
    await Promise.all(leaving.map(cancel));
    const done = Promise.all(leaving.map(({ acknowledger }) => acknowledger.whenDone()));
    await withDeadline(done, LEAVE_WITHIN_MS).catch(() => {});
    await Promise.all(leaving.map(close));
    if (replyTo !== undefined) answer(replyTo);
  };

  const connection = await openConnection(config, observer, 'RabbitMQ for consuming', {
    setup: async (model) => {
      subscriptions = [];
      emptySince = undefined;
      const isConverting = await isThere(model, before);
      await take(model, isConverting ? before : queue);
      // It ends with its queue or its connection.
      if (isConverting) void takeBoth(model).catch(() => {});
      void hearNotices(model, queue, (notice, replyTo) => {
        if (notice === 'make-way') void makeWay(replyTo);
        if (notice === 'pause') awayUntil = performance.now() + PAUSE_MS;
        if (notice === 'go-on') awayUntil = Number.NEGATIVE_INFINITY;
      });
    },
    lost: () => {
      for (const one of subscriptions) one.open = false;
    },
  });

  return {
    /** What was handed out and is not answered, and the message for which that is so for longest. */
    inHand: (): { count: number; oldest: ConsumeMessage | undefined } => {
      const held = subscriptions.filter(({ open }) => open).map((one) => one.acknowledger.unanswered());
      return {
        count: held.reduce((sum, { count }) => sum + count, 0),
        oldest: held.find(({ oldest }) => oldest)?.oldest,
      };
    },
    /** No further messages from here on; those that were delivered can still be answered. */
    stop: async (): Promise<void> => {
      ending = true;
      await Promise.all(subscriptions.map(cancel));
    },
    /** Closes the channels, then the connection: the broker takes back what was not answered. */
    close: async (): Promise<void> => {
      await Promise.all(subscriptions.map(close));
      await connection.close();
    },
  };
};
