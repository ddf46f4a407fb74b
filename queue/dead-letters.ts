/** Looking at dead letters, replaying them (putting them back on the queue of jobs) and discarding them. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type Static, Type } from '@sinclair/typebox';
import type { GetMessage } from 'amqplib';
import { membersOf, readMembers } from '../domain/jobs.ts';
import type { Broker } from './broker.ts';
import { PublishError } from './errors.ts';
import { carriedHeaders, carriedProperties } from './headers.ts';
import { lookAt } from './looking.ts';
import { deadQueue } from './topology.ts';

const Maybe = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

/** What an operator sees of a dead letter. A field is null if the message does not say. */
export const DeadLetter = Type.Object({
  letter_id: Type.String({
    description: 'what names it in job_ids: the id of its job or, if it has none, a digest of its body',
  }),
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
  body: Type.String({ description: 'the message as it came; of a large one the beginning' }),
  body_base64: Maybe(Type.String({ description: 'the same bytes, where they are no UTF-8' })),
  body_bytes: Type.Integer({ description: 'how many bytes the message has' }),
});
export type DeadLetter = Static<typeof DeadLetter>;

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** Bodies up to this size are shown as a whole: the API takes no larger ones, so no job of its own is larger. */
const WHOLE_BYTES = 2 ** 20;
const BEGINNING_BYTES = 2 ** 16;
/** How much is shown of each other text of a letter: anybody may have put anything there. */
const MAX_CHARACTERS = 1_000;
/** Once the bodies of a page have so many bytes the page ends, and the next letters are on the next page. */
const PAGE_BYTES = 4 * 2 ** 20;

/** The members of a message, if it is not too large to look. */
const membersIn = (content: Buffer): Record<string, unknown> =>
  (content.length <= WHOLE_BYTES && readMembers(content)) || {};

/** The id in the job, or that of its message if the job has none or is too large to be parsed. */
const jobIdOf = (body: Record<string, unknown>, { properties }: GetMessage): string | null =>
  textOrNull(body.job_id) ?? textOrNull(properties.messageId);

/** What operators choose it by. Of a message without any id that is a digest: the same bytes are the same letter. */
const letterIdOf = (jobId: string | null, { content }: GetMessage): string =>
  jobId ?? `sha256:${createHash('sha256').update(content).digest('hex')}`;

const shownBody = (content: Buffer) => {
  const shown = content.length <= WHOLE_BYTES ? content : content.subarray(0, BEGINNING_BYTES);
  return {
    // `stream` leaves out a character that is cut in two at the end.
    body: new TextDecoder('utf-8', { ignoreBOM: true }).decode(shown, {
      stream: shown.length < content.length,
    }),
    body_base64: isUtf8(content) ? null : shown.toString('base64'),
    body_bytes: content.length,
  };
};

/** Why the broker itself has made a message a dead letter: the last that happened to it is the first of `x-death`. */
const sentences = new Map<unknown, (from: string) => string>([
  [
    'maxlen',
    (from) => `RabbitMQ dropped it from ${from}, as a policy limits the queue's length (max-length).`,
  ],
  [
    'expired',
    (from) =>
      `RabbitMQ dropped it from ${from}, as a policy or its publisher limits how long it may wait (message-ttl).`,
  ],
  [
    'delivery_limit',
    (from) => `RabbitMQ gave it up, as ${from} has delivered it too often (delivery-limit).`,
  ],
  [
    'rejected',
    () =>
      'A consumer rejected it, as this service does if it is larger than RabbitMQ takes by now (max_message_size).',
  ],
]);
/** @param jobs the queue of jobs. Through delay queues every job goes that fails */
const broughtBy = ({ properties }: GetMessage, jobs: string) => {
  const deaths: unknown = properties.headers?.['x-death'];
  const { queue, reason } = membersOf(Array.isArray(deaths) ? deaths[0] : undefined);
  const sentence = queue === jobs ? sentences.get(reason) : undefined;
  return sentence && { reason: String(reason), error: sentence(jobs) };
};

const toDeadLetter = (message: GetMessage, jobs: string): DeadLetter => {
  const { content, properties } = message;
  const brought = broughtBy(message, jobs);
  const headers = properties.headers ?? {};
  const body = membersIn(content);
  const shown = (value: unknown) => textOrNull(value)?.slice(0, MAX_CHARACTERS) ?? null;
  const jobId = jobIdOf(body, message);
  return {
    letter_id: letterIdOf(jobId, message),
    job_id: shown(jobId),
    job_type: shown(body.type),
    order_id: shown(membersOf(body.payload).order_id),
    reason: brought?.reason ?? shown(headers['x-reason']),
    error: brought?.error ?? shown(headers['x-error']),
    attempts: Number.isSafeInteger(headers['x-attempts']) ? headers['x-attempts'] : null,
    first_failed_at: shown(headers['x-first-failed-at']),
    last_failed_at: shown(headers['x-last-failed-at']),
    queue: shown(headers['x-queue']),
    request_id: shown(properties.correlationId),
    ...shownBody(content),
  };
};

/**
 * Who is told of each letter that is replayed or discarded, before it leaves the dead letters, and when that began, in
 * milliseconds since 1970.
 */
export interface Told {
  replayed(letter: Letter, at: number): Promise<void>;
  discarded(letter: Letter, at: number): Promise<void>;
}
export interface Letter {
  body: Buffer;
  /** The id of the HTTP request that it comes from. */
  requestId: string | undefined;
  /** How often its job was tried, and why it is a dead letter, as far as it says. */
  attempts: number;
  reason: string | undefined;
  error: string | undefined;
}
const letterOf = (message: GetMessage, jobs: string): Letter => {
  const { attempts, reason, error, request_id } = toDeadLetter(message, jobs);
  return {
    body: message.content,
    requestId: request_id ?? undefined,
    attempts: Math.max(0, attempts ?? 0),
    reason: reason ?? undefined,
    error: error ?? undefined,
  };
};
const nobody: Told = { replayed: async () => {}, discarded: async () => {} };

/**
 * The dead letters of the queue of jobs. Each method throws PublishError if RabbitMQ is away or does not answer.
 * @param told is told of each letter that is replayed or discarded; nobody by default
 */
export const deadLetters = (broker: Broker, told: Told = nobody) => {
  const queue = deadQueue(broker.queue);

  /** What the broker noted about its way does not go with the copy, so what that says of its end is noted as ours. */
  const renew = (message: GetMessage): Promise<void> => {
    const brought = broughtBy(message, broker.queue);
    const own: Record<string, string> = brought
      ? { 'x-reason': brought.reason, 'x-error': brought.error }
      : {};
    return broker.publish(queue, message.content, {
      ...carriedProperties(message),
      headers: carriedHeaders(message.properties.headers ?? {}, own, broker.frameMax()),
    });
  };

  /**
   * Takes letters one by one, oldest first. Those that `visit` does not acknowledge go back in the end.
   * @param visit gets a letter and its place, counted from 0, and returns whether to go on
   * @returns how many letters there are
   */
  const takeEach = (
    visit: (message: GetMessage, place: number, acknowledge: () => void) => Promise<boolean>,
  ): Promise<number> => broker.withChannel((channel) => lookAt(channel, { queue, visit, renew }));

  /**
   * Handles letters and acknowledges each afterwards; the others stay.
   * @param chosen which letters, by their letter_id, or all if undefined
   * @returns how many were handled
   * @throws PublishError: at once if the broker is away, at the end if one of the letters is too large for the broker
   */
  const take = async (
    chosen: string[] | undefined,
    handle: (message: GetMessage) => Promise<void>,
  ): Promise<number> => {
    const ids = chosen && new Set(chosen);
    let taken = 0;
    let impossible: PublishError | undefined;
    await takeEach(async (message, _place, acknowledge) => {
      if (ids && !ids.has(letterIdOf(jobIdOf(membersIn(message.content), message), message))) return true;
      try {
        await handle(message);
        acknowledge();
        taken++;
      } catch (error) {
        // A message too large for the broker must not keep the others from being handled.
        if (!(error instanceof PublishError && error.outcome === 'impossible')) throw error;
        impossible ??= error;
      }
      return true;
    });
    if (impossible) throw impossible;
    return taken;
  };

  /**
   * Shows letters one at a time, oldest first; they stay where they are.
   * @param offset how many letters to skip
   * @param show gets a letter and its place, counted from 0, and returns whether to go on
   * @returns how many letters there are
   */
  const each = (
    offset: number,
    show: (letter: DeadLetter, place: number) => Promise<boolean> | boolean,
  ): Promise<number> =>
    takeEach(async (message, place) => place < offset || show(toDeadLetter(message, broker.queue), place));

  return {
    each,

    /**
     * A page of the letters, oldest first.
     * @param offset how many letters to skip
     * @param limit how many to give at the most; it gives fewer if their bodies are large
     * @returns the letters, how many there are in all, and the offset of the next page, null if this is the last one
     */
    list: async (
      offset: number,
      limit: number,
    ): Promise<{ total: number; letters: DeadLetter[]; nextOffset: number | null }> => {
      const letters: DeadLetter[] = [];
      let bytes = 0;
      const total = await each(offset, (letter) => {
        letters.push(letter);
        bytes += letter.body.length + (letter.body_base64?.length ?? 0);
        return letters.length < limit && bytes < PAGE_BYTES;
      });
      const next = offset + letters.length;
      return { total, letters, nextOffset: letters.length > 0 && next < total ? next : null };
    },

    /** Puts letters back as if they came for the first time: all, or those of these jobs. @returns how many were */
    replay: (jobIds?: string[]): Promise<number> =>
      take(jobIds, async (message) => {
        const at = Date.now();
        const headers = Object.entries(message.properties.headers ?? {}).filter(
          ([name]) => !name.startsWith('x-'),
        );
        const carried = carriedProperties(message);
        // The letter keeps its age, so that a reset that came after it makes it void.
        const failedAt = Math.floor(
          Date.parse(String(message.properties.headers?.['x-first-failed-at'])) / 1000,
        );
        await broker.publish(broker.queue, message.content, {
          ...carried,
          timestamp: carried.timestamp ?? (failedAt > 0 ? failedAt : undefined),
          headers: carriedHeaders(Object.fromEntries(headers), {}, broker.frameMax()),
        });
        await told.replayed(letterOf(message, broker.queue), at);
      }),

    /** Discards letters: all, or those of these jobs. @returns how many were */
    discard: (jobIds?: string[]): Promise<number> =>
      take(jobIds, (message) => told.discarded(letterOf(message, broker.queue), Date.now())),
  };
};
