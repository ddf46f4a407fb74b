/**
 * Makes the classic queue of jobs a quorum queue, while jobs are published to it and taken from it.
 *
 * RabbitMQ can neither change the type of a queue nor rename one. So what waits has to leave, the queue has to be deleted
 * and declared again, and as jobs go on coming, the new one has younger jobs than those that left. These cannot be put
 * before them. They stay where they are, in `<name>.converting`, a quorum queue too, and consumers take that one first
 * (subscriptions.ts): so it is one queue in two parts, and jobs without a version keep their order.
 *
 *   1. `<name>.converting` is declared. A consumer that subscribes from now on takes from it.
 *   2. The consumers are asked to make way (notices.ts): each finishes or returns what it holds, and subscribes to
 *      `<name>.converting`. Then the queue can be taken from exclusively: nobody else gets a job of it. If others go on
 *      taking, the queue stays as it is.
 *   3. All that waits is moved, and what is published meanwhile behind it (transfer.ts).
 *   4. When the queue is empty and nothing of it is in hand, it is deleted, if it is still empty, and declared as a quorum
 *      queue. If jobs come faster than they are moved there is no such moment: so the service's own publishers hold theirs
 *      back for less than a second. Others get theirs returned in the few milliseconds between the two if it is `mandatory`.
 *   5. Consumers that find nothing in `<name>.converting` any more come back. When it is empty and nobody holds anything
 *      of it, it is deleted.
 *
 * Which of these steps is next shows in what is there, so a run that was killed is followed by one that goes on:
 *
 *   the queue   `<name>.converting`
 *   classic     not there             1
 *   classic     there                 2; moved.ts finds what was moved and not yet acknowledged
 *   not there   there                 the second half of 4
 *   quorum      there                 5
 *   quorum      not there             done
 *
 * Between a kill and the next run the service goes on: consumers that have taken all of `<name>.converting` come back to
 * the queue, whatever its type. They may meet up to WINDOW jobs twice, in their order, as after a consumer that was killed.
 *
 * Jobs in delay queues come back to the queue by themselves. A classic delay queue drops them if there is no queue in that
 * moment (https://www.rabbitmq.com/docs/dlx#safety), so those are exchanged first, each when it is empty.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel } from 'amqplib';
import type { Config } from '../process/config.ts';
import { ConfigError } from '../process/config-error.ts';
import { withDeadline } from '../process/deadline.ts';
import { onConnection } from './connection.ts';
import { answerOf } from './errors.ts';
import { check, checkBroker, exchange, typeOf } from './exchange.ts';
import { giveNotice, PAUSE_MS } from './notices.ts';
import { isAllDone } from './progress.ts';
import { convertingQueue, declare, isThere, onChannel, type Queue, topology } from './topology.ts';
import { assertLast, openTransfer, type Transfer, WINDOW } from './transfer.ts';

type Say = (line: string) => void;

const REPLY_TO = 'amq.rabbitmq.reply-to';
const POLL_MS = 100;
const SAY_MS = 5_000;
/** RabbitMQ 3.10 loses a quorum queue if it is killed within a second of its first declaration. */
const DECLARED_MS = 2_000;
/** How long consumers may take to make way; each has 4 s to finish what it holds. */
const WAY_WITHIN_MS = 6_000;
/** Who leaves the queue while we come may hold some of its jobs for so long. */
const HELD_MS = 3_000;
/** From the notice to the last job of a publisher that holds its jobs back. */
const HUSH_MS = 50;
const REST_MS = 1_000;
const EXCHANGE_WITHIN_MS = 60_000;
const NOTHING_MOVES_MS = 30_000;
/** The longest delay, and what it takes to be there at the right moment. */
const DELAYS_WITHIN_MS = 120_000;
const CONSUMERS_WITHIN_MS = 5_000;

const numbers = (count: number) => count.toLocaleString('en');

interface Conversion {
  model: ChannelModel;
  queue: string;
  converting: string;
  last: string;
  jobs: Queue;
  dead: Queue;
  delays: Queue[];
  say: Say;
}

/** Asks the consumers to make way, and waits until as many have answered as take from the queue. */
const askForWay = ({ model, queue }: Conversion): Promise<void> =>
  onChannel(model, async (channel: Channel) => {
    let answers = 0;
    await channel.consume(
      REPLY_TO,
      () => {
        answers++;
      },
      { noAck: true },
    );
    const { consumerCount } = await answerOf(channel.checkQueue(queue));
    await giveNotice(channel, queue, 'make-way', REPLY_TO);
    const until = performance.now() + WAY_WITHIN_MS;
    while (answers < consumerCount && performance.now() < until) await sleep(POLL_MS / 10);
  });

/** Whether nobody holds anything of what was moved any more. A consumer that does not answer may. */
const isDrained = ({ model, converting }: Conversion): Promise<boolean> =>
  isAllDone(model, converting).catch(() => false);

/** Removes what was declared for the conversion. */
const removeConverting = async ({ model, converting, last }: Conversion): Promise<void> => {
  for (const left of [converting, last])
    await onChannel(model, (channel) => answerOf(channel.deleteQueue(left)));
};

/** @throws ConfigError where others go on taking from the queue */
const takeOver = async (conversion: Conversion): Promise<Transfer> => {
  const { model, queue, converting, last } = conversion;
  for (let tries = 0; tries < 2; tries++) {
    await askForWay(conversion);
    const transfer = await openTransfer(model, { from: queue, to: converting, last });
    if (transfer) return transfer;
  }
  const { consumerCount } = await check(model, queue);
  // Unless something may have come into it.
  if (await isDrained(conversion)) await removeConverting(conversion);
  throw new ConfigError(
    `${consumerCount} consumers of ${queue} do not make way, as those of another program or of an older release: stop them and run this again. The queue is still a classic one.`,
  );
};

/** Moves until no more wait than are on their way. */
const moveBacklog = async ({ model, queue, say }: Conversion, transfer: Transfer): Promise<void> => {
  let before = 0;
  let progressAt = performance.now();
  let saidAt = progressAt;
  for (;;) {
    const { messageCount } = await check(model, queue);
    if (messageCount <= WINDOW) return;
    const now = performance.now();
    if (transfer.moved() !== before) progressAt = now;
    before = transfer.moved();
    if (now - progressAt > NOTHING_MOVES_MS) await transfer.whenSettled();
    if (now - saidAt > SAY_MS) {
      saidAt = now;
      say(`${numbers(before)} jobs are moved, ${numbers(messageCount)} wait.`);
    }
    await sleep(POLL_MS);
  }
};

/** Finds the moment in which the queue may be exchanged. It gives up if others subscribe. @throws ConfigError */
const exchangeAtRest = async (conversion: Conversion, transfer: Transfer): Promise<void> => {
  const { model, queue, jobs, say } = conversion;
  const deadline = performance.now() + EXCHANGE_WITHIN_MS;
  while (performance.now() < deadline) {
    await onChannel(model, (channel) => giveNotice(channel, queue, 'pause'));
    const until = performance.now() + PAUSE_MS - HUSH_MS;
    await sleep(HUSH_MS);
    try {
      while (performance.now() < until) {
        // It fails at pause() where it cannot go on.
        await withDeadline(transfer.whenSettled(), until - performance.now()).catch(() => {});
        await transfer.pause();
        const ms = (await check(model, queue)).messageCount === 0 && (await exchange(model, jobs));
        if (typeof ms === 'number') {
          say(
            `${queue} is a quorum queue. ${numbers(transfer.moved())} jobs were moved. There was no queue for ${Math.ceil(ms)} ms.`,
          );
          return;
        }
        if (!(await transfer.resume())) return;
        await sleep(1);
      }
    } finally {
      await onChannel(model, (channel) => giveNotice(channel, queue, 'go-on'));
    }
    await sleep(REST_MS);
  }
  throw new ConfigError(
    `Jobs come so fast from publishers other than the service's that there is no moment between two of them: slow them down and run this again. ${queue} is still a classic queue.`,
  );
};

/** Step 1 to 4. */
const replaceClassic = async (conversion: Conversion): Promise<void> => {
  const { model, queue, converting, last, jobs, say } = conversion;
  const { messageCount, consumerCount } = await check(model, queue);
  say(
    `${queue} is a classic queue: ${numbers(messageCount)} jobs wait, ${consumerCount} consumers. It becomes a quorum queue; what waits goes to ${converting}, which consumers take first.`,
  );
  if (!(await isThere(model, converting))) {
    await declare(model, { name: converting, args: jobs.args });
    await sleep(DECLARED_MS);
  }
  await assertLast(model, last);
  const transfer = await takeOver(conversion);
  try {
    const since = performance.now();
    await moveBacklog(conversion, transfer);
    await sleep(Math.max(0, since + HELD_MS - performance.now()));
    await exchangeAtRest(conversion, transfer);
  } finally {
    await transfer.close();
  }
};

/** Step 5. @returns whether it is done: without consumers it is not */
const drain = async (conversion: Conversion): Promise<boolean> => {
  const { model, queue, converting, say } = conversion;
  let saidAt = Number.NEGATIVE_INFINITY;
  let consumersAt = performance.now();
  for (;;) {
    const { messageCount, consumerCount } = await check(model, converting);
    const now = performance.now();
    if (consumerCount > 0) consumersAt = now;
    if (messageCount === 0 && (await isDrained(conversion))) {
      // A consumer that is about to end may hold some, and is not counted.
      await sleep(HELD_MS);
      if (await isDrained(conversion)) return true;
    } else if (messageCount > 0 && now - consumersAt > CONSUMERS_WITHIN_MS) {
      say(
        `No consumer is connected. ${numbers(messageCount)} jobs wait in ${converting}: consumers take those first, and then what waits in ${queue}. Start consumers, and run this again to remove ${converting}.`,
      );
      return false;
    }
    if (messageCount > 0 && now - saidAt > SAY_MS) {
      saidAt = now;
      say(`${numbers(messageCount)} jobs that were moved wait to be taken by ${consumerCount} consumers.`);
    }
    await sleep(POLL_MS);
  }
};

/** Exchanges classic delay queues. */
const replaceDelays = async ({ model, delays, say }: Conversion): Promise<void> => {
  const deadline = performance.now() + DELAYS_WITHIN_MS;
  for (const delay of delays) {
    if ((await typeOf(model, delay.name, Object.keys(delay.args))) !== 'classic') continue;
    say(`${delay.name} is a classic queue, too, and is exchanged when it is empty.`);
    while (
      (await check(model, delay.name)).messageCount > 0 ||
      (await exchange(model, delay)) === undefined
    ) {
      if (performance.now() > deadline)
        throw new ConfigError(
          `${delay.name} does not get empty: jobs fail. Run this again when they do not. Until then it is a classic queue.`,
        );
      await sleep(POLL_MS);
    }
  }
};

/** Nobody waits until it is empty: letters may have to stay for good. */
const replaceDead = async ({ model, dead, say }: Conversion): Promise<void> => {
  if ((await typeOf(model, dead.name)) !== 'classic') return;
  if ((await exchange(model, dead)) !== undefined)
    return say(`${dead.name} was a classic queue, too, and is exchanged.`);
  const { messageCount } = await check(model, dead.name);
  say(
    `${dead.name} stays a classic queue, which is gone for as long as its node is: ${numbers(messageCount)} dead letters are in it. Replay or discard them, and run this again.`,
  );
};

const convert = async (conversion: Conversion): Promise<void> => {
  const { model, queue, converting, jobs, say } = conversion;
  let replaced = false;
  for (;;) {
    const type = await typeOf(model, queue);
    const isConverting = await isThere(model, converting);
    if (type === undefined && !isConverting) return say(`There is no queue ${queue}: nothing to convert.`);
    if (type === 'quorum') {
      await replaceDelays(conversion);
      await replaceDead(conversion);
      if (!isConverting && !replaced) say(`${queue} is a quorum queue.`);
      if (isConverting && !(await drain(conversion))) return;
      await removeConverting(conversion);
      if (isConverting) say(`${converting} is empty and removed: the conversion is done.`);
      return;
    }
    replaced = true;
    if (type === undefined) await declare(model, jobs);
    else {
      await replaceDelays(conversion);
      await replaceClassic(conversion);
    }
  }
};

/**
 * Converts the queue of jobs, and goes on where an earlier run was interrupted.
 * @param say is told what is done, a sentence each time
 * @throws ConfigError where the queue has to stay as it is
 * @throws PublishError where the broker is away or does not answer
 */
export const convertQueue = (config: Config['rabbitmq'], say: Say): Promise<void> => {
  if (config.queueType !== 'quorum')
    throw new ConfigError(
      `RABBITMQ_QUEUE_TYPE must be quorum to convert the queue, got ${JSON.stringify(config.queueType)}.`,
    );
  return onConnection(config, 'RabbitMQ for converting the queue', async (model) => {
    checkBroker(model);
    const { queue } = config;
    const converting = convertingQueue(queue);
    await convert({ model, queue, converting, last: `${converting}.last`, ...topology(model, config), say });
  });
};
