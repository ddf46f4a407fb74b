/**
 * Answers that are too large for memory: they are read from the database as fast as their client takes them, and kept
 * nowhere. Each occupies a connection and a snapshot in the database, so only a few may run at a time, and a client
 * that is too slow is cut off.
 */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { withDeadline } from '../../process/deadline.ts';
import { whenAnswered } from '../http/answered.ts';
import { HttpError } from '../http/errors.ts';
import type { ListBuilder } from './build.ts';
import type { PageQuery } from './query.ts';

/** How many bytes a second a client has to take, and how far it may fall behind that. */
const SLOWEST = 65_536;
const GRACE_MS = 60_000;

export interface Stream {
  /** The URL of the next page, relative to the URL of this one; undefined if there is none. */
  readonly next: string | undefined;
  readonly body: Readable;
}

/** Passes chunks on. @throws Error if the client takes them too slowly */
async function* inPace(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const began = performance.now();
  let bytes = 0;
  for await (const chunk of chunks) {
    if (performance.now() - began > GRACE_MS + (bytes / SLOWEST) * 1_000)
      throw new Error(`A client takes less than ${SLOWEST} bytes of a list a second.`);
    bytes += chunk.length;
    yield chunk;
  }
}

/** Streams answers to clients. @param most how many at a time */
export const listStreams = (read: ListBuilder['stream'], most: number) => {
  const open = new Set<AbortController>();

  /**
   * Begins an answer. It ends with the response, whether the body was read or not.
   * @param withinMs how long it may take to begin
   * @returns undefined if the page is to follow an order that is not known
   * @throws the database's error, DeadlineError, or HttpError 503 if too many are open
   */
  const start = async (
    page: PageQuery | undefined,
    response: ServerResponse,
    withinMs: number,
  ): Promise<Stream | undefined> => {
    if (open.size >= most)
      throw new HttpError(
        503,
        'Too many large lists are being read: try again, or ask for smaller pages.',
        'lists_busy',
      );
    const giveUp = new AbortController();
    open.add(giveUp);
    whenAnswered(response, () => {
      open.delete(giveUp);
      giveUp.abort(new HttpError(503, 'The client is gone.'));
    });
    const found = await withDeadline(read(page, giveUp.signal), withinMs);
    return found && { next: found.next, body: Readable.from(inPace(found.chunks), { objectMode: false }) };
  };

  return {
    start,
    /** Ends all answers that are being sent. */
    giveUpAll: (): void => {
      for (const giveUp of open) giveUp.abort(new HttpError(503, 'The server ends.'));
    },
  };
};
