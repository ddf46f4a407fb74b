/**
 * Answers that are too large to be held: read from the database as fast as their client takes them, and kept nowhere.
 * Each holds a connection and a snapshot in the database, so that there are few at a time, and none is too slow.
 */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { withDeadline } from '../../process/deadline.ts';
import { whenAnswered } from '../http/answered.ts';
import { HttpError } from '../http/errors.ts';
import type { ListBuilder } from './build.ts';
import type { PageQuery } from './query.ts';

/** Of the ten connections that a process reads over. */
const MOST_STREAMS = 4;
/** Bytes a second, and how long a client may be slower than that. */
const SLOWEST = 65_536;
const GRACE_MS = 60_000;

export interface Stream {
  /** Path and query of the next page. */
  readonly next: string | undefined;
  readonly body: Readable;
}

/** Ends where its client falls behind. */
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

export const listStreams = (read: ListBuilder['stream']) => {
  const open = new Set<AbortController>();

  /**
   * Ends with the response, whether the body was read or not. Undefined where the page is to follow an order that is
   * not known.
   * @param withinMs how long it may take to begin
   * @throws the database's error, DeadlineError, or HttpError 503 where there are too many
   */
  const start = async (
    page: PageQuery | undefined,
    response: ServerResponse,
    withinMs: number,
  ): Promise<Stream | undefined> => {
    if (open.size >= MOST_STREAMS)
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
    giveUpAll: (): void => {
      for (const giveUp of open) giveUp.abort(new HttpError(503, 'The server ends.'));
    },
  };
};
