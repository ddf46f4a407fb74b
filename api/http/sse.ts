/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): answers that go on until one side
 * ends them. Nothing is kept for a client that does not read: it is cut off, and comes back with the id of the last
 * event that it has. When the server ends, it ends all streams, and tells clients to come back at different times.
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { whenAnswered } from './answered.ts';

/** How much may be unsent to a client before it is cut off. */
const MOST_UNSENT_BYTES = 64 * 1024;
/** How often each client hears something, so that proxies keep its connection, and it knows that we are there. */
const BEAT_SECONDS = 15;
/** After which time clients come back, in milliseconds: a random one of these, as they would all come at once. */
const RETRY_MS = { least: 500, most: 3_000 };

const COMMENT = Buffer.from(':\n\n');
const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx would collect what it passes on.
  'x-accel-buffering': 'no',
};

const retry = (): string => {
  const { least, most } = RETRY_MS;
  return `retry: ${Math.round(least + Math.random() * (most - least))}\n\n`;
};

/** One event as it is sent. @param id undefined if a client cannot go on from there */
export const eventText = (data: string, { id, event }: { id?: string | undefined; event?: string }): Buffer =>
  Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}${event ? `event: ${event}\n` : ''}data: ${data}\n\n`);

/** One client's stream. */
export class EventStream {
  private readonly reply: FastifyReply;
  private readonly raw: ServerResponse;
  /** Makes what the client hears every 15 seconds; by default a comment. */
  beat: () => Buffer | undefined = () => undefined;
  /** Whether the client has been sent everything, or is gone. */
  isOver = false;

  constructor(reply: FastifyReply) {
    this.reply = reply;
    this.raw = reply.raw;
    reply.code(200).headers(headers).hijack();
    reply.streamedBytes = 0;
    this.raw.writeHead(200, reply.getHeaders() as OutgoingHttpHeaders);
    this.send(Buffer.from(`: orders\n${retry()}`));
  }

  get isOpen(): boolean {
    return !this.isOver && !this.raw.destroyed && !this.raw.writableEnded;
  }

  /** Sends events, unless the client has not read what it was sent before: then it is cut off. */
  send(events: Buffer): void {
    if (!this.isOpen) return;
    if (this.raw.writableLength > MOST_UNSENT_BYTES) {
      this.raw.destroy();
      return;
    }
    this.raw.write(events);
    this.reply.streamedBytes = (this.reply.streamedBytes ?? 0) + events.length;
  }

  /** Resolves when the client has read nearly all that it was sent, or is gone. Never rejects. */
  async drained(): Promise<void> {
    const { raw } = this;
    if (!this.isOpen || raw.writableLength <= MOST_UNSENT_BYTES) return;
    await new Promise<void>((resolve) => {
      raw.once('drain', resolve);
      raw.once('close', resolve);
    });
  }

  /** Lets the client hear something. */
  sendBeat(): void {
    const { socket, writableLength } = this.raw;
    // A client that takes nothing has its time limit (readers.ts), which any write would begin anew.
    if (writableLength > 0) return;
    if (socket?.timeout) socket.setTimeout(0);
    this.send(this.beat() ?? COMMENT);
  }

  /** Ends the stream after what was sent. */
  end(): void {
    if (this.isOpen) this.raw.end();
  }

  /** Ends it as the server ends. */
  leave(): void {
    if (this.raw.writableLength > 0) this.raw.destroy();
    else this.send(Buffer.from(retry()));
    this.end();
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Begins the stream of a request, whose answer this is.
     * @param onClose is called once when the stream is over, perhaps at once
     */
    openStream(reply: FastifyReply, onClose: (stream: EventStream) => void): EventStream;
  }
}

/** The headers of a stream, for a HEAD request. */
export const streamHead = (reply: FastifyReply): FastifyReply => reply.code(200).headers(headers).send();

export const sse = fastifyPlugin(
  async (app) => {
    // One timer for all: each second those in one place of the wheel hear something.
    const wheel = Array.from({ length: BEAT_SECONDS }, () => new Set<EventStream>());
    let turn = 0;
    const turning = setInterval(() => {
      turn = (turn + 1) % BEAT_SECONDS;
      for (const stream of wheel[turn] ?? []) stream.sendBeat();
    }, 1_000).unref();
    let opened = 0;

    app.decorate('openStream', (reply: FastifyReply, onClose: (stream: EventStream) => void) => {
      const stream = new EventStream(reply);
      const place = wheel[opened++ % BEAT_SECONDS];
      place?.add(stream);
      whenAnswered(reply.raw, () => {
        place?.delete(stream);
        stream.isOver = true;
        onClose(stream);
      });
      if (app.isDraining()) stream.leave();
      return stream;
    });
    app.onDrain(() => {
      for (const place of wheel) for (const stream of place) stream.leave();
    });
    app.addHook('onClose', async () => clearInterval(turning));
  },
  { name: 'sse', fastify: '5.x', dependencies: ['drain', 'requests'] },
);
