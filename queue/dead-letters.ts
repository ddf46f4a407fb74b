/** Looking at dead letters, putting them back on the queue of jobs, throwing them away. */
import { type Static, Type } from '@sinclair/typebox';
import type { GetMessage } from 'amqplib';
import type { Broker } from './broker.ts';
import { answerOf } from './publisher.ts';
import { deadQueue } from './topology.ts';

const Maybe = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

/** What an operator sees of a dead letter; null where the message does not say. */
export const DeadLetter = Type.Object({
  job_id: Maybe(Type.String()),
  job_type: Maybe(Type.String()),
  order_id: Maybe(Type.String()),
  reason: Maybe(Type.String()),
  error: Maybe(Type.String()),
  attempts: Maybe(Type.Integer()),
  first_failed_at: Maybe(Type.String()),
  last_failed_at: Maybe(Type.String()),
  queue: Maybe(Type.String()),
  request_id: Maybe(Type.String()),
  body: Type.String({ description: 'the message as it came' }),
});
export type DeadLetter = Static<typeof DeadLetter>;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const parseBody = (text: string): Record<string, unknown> => {
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) ? body : {};
  } catch {
    return {};
  }
};

const toDeadLetter = ({ content, properties }: GetMessage): DeadLetter => {
  const headers = properties.headers ?? {};
  const text = content.toString();
  const body = parseBody(text);
  return {
    job_id: textOrNull(body.job_id) ?? textOrNull(properties.messageId),
    job_type: textOrNull(body.type),
    order_id: isObject(body.payload) ? textOrNull(body.payload.order_id) : null,
    reason: textOrNull(headers['x-reason']),
    error: textOrNull(headers['x-error']),
    attempts: Number.isInteger(headers['x-attempts']) ? headers['x-attempts'] : null,
    first_failed_at: textOrNull(headers['x-first-failed-at']),
    last_failed_at: textOrNull(headers['x-last-failed-at']),
    queue: textOrNull(headers['x-queue']),
    request_id: textOrNull(properties.correlationId),
    body: text,
  };
};

/** Each method throws PublishError where RabbitMQ is away or does not answer. */
export const deadLetters = (broker: Broker) => {
  const queue = deadQueue(broker.queue);

  /** Handles each letter that is wanted and acknowledges it after; the others go back. @returns how many */
  const take = (
    jobIds: string[] | undefined,
    handle: (message: GetMessage) => Promise<void>,
  ): Promise<number> =>
    broker.withChannel(async (channel) => {
      const { messageCount } = await answerOf(channel.checkQueue(queue));
      let taken = 0;
      for (let i = 0; i < messageCount; i++) {
        const message = await answerOf(channel.get(queue));
        if (!message) break;
        const { job_id } = toDeadLetter(message);
        if (jobIds && !(job_id !== null && jobIds.includes(job_id))) continue;
        await handle(message);
        channel.ack(message);
        taken++;
      }
      return taken;
    });

  return {
    /** A page of the letters, oldest first; they stay where they are. */
    list: (offset: number, limit: number): Promise<{ total: number; letters: DeadLetter[] }> =>
      broker.withChannel(async (channel) => {
        const { messageCount: total } = await answerOf(channel.checkQueue(queue));
        const letters: DeadLetter[] = [];
        for (let i = 0; i < offset + limit; i++) {
          const message = await answerOf(channel.get(queue));
          if (!message) break;
          if (i >= offset) letters.push(toDeadLetter(message));
        }
        return { total, letters };
      }),

    /** Puts letters back as if they came for the first time: all, or those of these jobs. @returns how many */
    replay: (jobIds?: string[]): Promise<number> =>
      take(jobIds, async ({ content, properties }) => {
        const headers = Object.fromEntries(
          Object.entries(properties.headers ?? {}).filter(([name]) => !name.startsWith('x-')),
        );
        const { messageId, correlationId, type } = properties;
        // It is as old as it is: a reset of meanwhile makes it void.
        const failedAt = Date.parse(String(properties.headers?.['x-first-failed-at']));
        const timestamp = properties.timestamp ?? (Math.floor(failedAt / 1000) || undefined);
        await broker.publish(broker.queue, content, { messageId, correlationId, timestamp, type, headers });
      }),

    /** Throws letters away: all, or those of these jobs. @returns how many */
    discard: (jobIds?: string[]): Promise<number> => take(jobIds, async () => {}),
  };
};
