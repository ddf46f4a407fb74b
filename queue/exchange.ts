/** Exchanging a queue for one of the same name and another type. */
import type { ChannelModel } from 'amqplib';
import { ConfigError } from '../process/config-error.ts';
import { kindOf } from './arguments.ts';
import { answerOf, codeOf, PRECONDITION_FAILED } from './errors.ts';
import { isSince, onChannel, type Queue } from './topology.ts';

/** Only how a classic queue stores what it holds. */
const HARMLESS = new Set(['x-queue-mode', 'x-queue-version']);

/** How many messages and consumers a queue has. @throws PublishError */
export const check = (model: ChannelModel, queue: string) =>
  onChannel(model, (channel) => answerOf(channel.checkQueue(queue)));

/** Whether it was empty and unused, and so is gone. A quorum queue is never deleted by this: it does not know `ifEmpty`. */
export const exchange = async (model: ChannelModel, queue: Queue): Promise<number | undefined> => {
  try {
    return await onChannel(model, async (channel) => {
      const started = performance.now();
      await channel.deleteQueue(queue.name, { ifEmpty: true, ifUnused: true });
      await channel.assertQueue(queue.name, { durable: true, arguments: queue.args });
      return performance.now() - started;
    });
  } catch (error) {
    // Somebody has published to it or subscribed, or has declared it again in between.
    if (codeOf(error) === PRECONDITION_FAILED) return undefined;
    throw error;
  }
};

/** @throws ConfigError where it is older than quorum queues are */
export const checkBroker = (model: ChannelModel) => {
  if (!isSince(model, 3, 8))
    throw new ConfigError(
      `RabbitMQ ${model.connection.serverProperties.version} has no quorum queues: it must be 3.8 or newer.`,
    );
};

/** Which type the queue has. @throws ConfigError where it has what the new one would not have */
export const typeOf = async (model: ChannelModel, queue: string, expected: string[] = []) => {
  const kind = await kindOf(model, queue);
  if (kind === undefined || kind.type === 'quorum') return kind?.type;
  const odd = Object.entries(kind.args).filter(([name]) => !HARMLESS.has(name) && !expected.includes(name));
  if (kind.type !== 'classic') throw new ConfigError(`${queue} is a ${kind.type} queue, not a classic one.`);
  if (odd.length === 0) return kind.type;
  const listed = odd.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', ');
  throw new ConfigError(
    `${queue} was declared with ${listed}, which the new queue would not have: nothing is changed. Move its jobs yourself, or have it declared without.`,
  );
};
