/** What a queue is, as far as AMQP tells: it answers a declaration that does not fit with the first thing that differs. */
import type { ChannelModel } from 'amqplib';
import { codeOf, PRECONDITION_FAILED, PublishError, reasonOf } from './errors.ts';
import { CLASSIC, isThere, onChannel } from './topology.ts';

/** RabbitMQ knows some twenty arguments of queues. */
const MAX_ARGUMENTS = 32;

/** How the broker says what a queue has: `current is 'classic'`, `current is the value '5' of type 'byte'`. */
const DIFFERENT = /inequivalent arg '([^']+)' .*current is (?:the value )?'?(.*?)'?(?: of type '(\w+)')?"?$/s;
const NO_ARGUMENT = 'none';

const parsed = (text: string, type: string | undefined): string | number | boolean => {
  if (type === 'bool') return text === 'true';
  return type === undefined || type === 'longstr' ? text : Number(text);
};

export interface Kind {
  type: string;
  /** The others of its arguments that RabbitMQ has a meaning for. Those that a policy gives it are not among them. */
  args: Record<string, unknown>;
}

/**
 * Finds out what a queue is. It declares it as a classic one, with what the broker says that it has.
 * @returns undefined where there is no such queue
 * @throws PublishError where it is not durable, where this account may not declare it, or the broker is away
 */
export const kindOf = async (model: ChannelModel, queue: string): Promise<Kind | undefined> => {
  if (!(await isThere(model, queue))) return undefined;
  const args: Record<string, unknown> = { ...CLASSIC };
  for (let tries = 0; tries < MAX_ARGUMENTS; tries++)
    try {
      await onChannel(model, (channel) => channel.assertQueue(queue, { durable: true, arguments: args }));
      break;
    } catch (error) {
      const [, name = '', value = NO_ARGUMENT, type] = DIFFERENT.exec(reasonOf(error)) ?? [];
      // Not an argument: durable, auto_delete or exclusive.
      if (codeOf(error) !== PRECONDITION_FAILED || !name.startsWith('x-') || value === NO_ARGUMENT)
        throw new PublishError('refused', reasonOf(error), { cause: error });
      args[name] = parsed(value, type);
    }
  const { 'x-queue-type': type, ...others } = args;
  return { type: String(type), args: others };
};
