/** Requests as bytes on a connection, also such as no client should send. */
import { connect } from 'node:net';
import { type Answer, CRLF, readAnswers } from '../helpers/raw-http.ts';
import type { Request } from './http.ts';

export interface Exchange {
  answers: Answer[];
  /** What came that is no whole answer. */
  rest: Buffer;
  /** Who ended the connection: the server, or nobody in time. */
  end: 'closed' | 'reset' | 'answered' | 'silent';
}

const ANSWER_WITHIN_MS = 20_000;
/** How long a request that lacks something keeps the server waiting for it, before the client goes away. */
const PATIENCE_MS = 40;

/** Node's limit of what comes before the body. */
const MAX_HEAD_BYTES = 16 * 1024 - 100;

/** Whether a request says all that a server has to know to answer it, so that an answer must come. */
export const isComplete = ({ framing, version, headers, method, target }: Request): boolean =>
  target.length + headers.flat().join().length < MAX_HEAD_BYTES &&
  (framing === 'length' || framing === 'chunked') &&
  version === 'HTTP/1.1' &&
  /^[A-Z-]+$/.test(method) &&
  method !== 'CONNECT' &&
  /^(\/|http:|\*$)[!-~]*$/.test(target) &&
  headers.every(
    ([name, value]) =>
      !['content-length', 'transfer-encoding', 'host', 'connection', 'upgrade'].includes(
        name.toLowerCase(),
      ) &&
      /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) &&
      /^[\t\x20-\x7e\x80-\xff]*$/.test(value),
  );

const chunk = (bytes: Buffer) =>
  bytes.length === 0 ? '' : `${bytes.length.toString(16)}${CRLF}${bytes.toString('latin1')}${CRLF}`;

/** The field that tells a body's length, and the body as it is sent with it. */
const framed = ({ framing, body }: Request): [fields: string[], bytes: string] => {
  const text = body.toString('latin1');
  const half = Math.ceil(body.length / 2);
  const chunks = chunk(body.subarray(0, half)) + chunk(body.subarray(half));
  switch (framing) {
    case 'length':
      return [[`content-length: ${body.length}`], text];
    case 'chunked':
      return [['transfer-encoding: chunked'], `${chunks}0${CRLF}${CRLF}`];
    case 'none':
      return [[], text];
    case 'short':
      return [[`content-length: ${half}`], text];
    case 'long':
      return [[`content-length: ${body.length + 10}`], text];
    case 'both':
      return [[`content-length: ${body.length}`, 'transfer-encoding: chunked'], `${chunks}0${CRLF}${CRLF}`];
    case 'broken chunks':
      return [['transfer-encoding: chunked'], `${chunks}zz${CRLF}`];
  }
};

/** A request as it goes over the wire. */
export const encode = (request: Request): Buffer => {
  const [fields, body] = framed(request);
  const lines = [
    `${request.method} ${request.target} ${request.version}`,
    'host: 127.0.0.1',
    ...request.headers.map(([name, value]) => `${name}: ${value}`),
    ...fields,
  ];
  return Buffer.from(lines.join(CRLF) + CRLF + CRLF + body, 'latin1');
};

/** A stream of events goes on until its client goes away. */
const isStream = (bytes: Buffer): boolean =>
  /\r\ncontent-type: text\/event-stream/i.test(bytes.toString('latin1'));
/** Reads all that came. A stream that was cut counts as an answer. */
const readAll = (all: Buffer, isHead: boolean): ReturnType<typeof readAnswers> => {
  const read = readAnswers(all, isHead, true);
  if (!isStream(read.rest)) return read;
  return readAnswers(Buffer.concat([all, Buffer.from(`0${CRLF}${CRLF}`)]), isHead, true);
};

/**
 * Sends a request on a connection of its own. The client of one that is complete waits for its answer; any other
 * client says no more after a moment, and sees what the server makes of it.
 */
export const exchange = (port: number, request: Request): Promise<Exchange> =>
  new Promise((resolve) => {
    const complete = isComplete(request);
    const isHead = request.method === 'HEAD';
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const timers: NodeJS.Timeout[] = [];
    let done = false;

    const finish = (end: Exchange['end']) => {
      if (done) return;
      done = true;
      for (const timer of timers) clearTimeout(timer);
      socket.destroy();
      const all = Buffer.concat(chunks);
      const read = readAll(all, isHead);
      // Who could not read the request does not know that it was HEAD.
      resolve({ ...(read.rest.length > 0 && !complete ? readAll(all, false) : read), end });
    };
    timers.push(setTimeout(finish, ANSWER_WITHIN_MS, 'silent'));
    socket.on('connect', () => {
      socket.write(encode(request));
      if (!complete) timers.push(setTimeout(() => socket.end(), PATIENCE_MS));
    });
    socket.on('data', (bytes) => {
      chunks.push(bytes);
      if (!complete) return;
      const { answers, rest } = readAnswers(Buffer.concat(chunks), isHead, false);
      if (isStream(rest)) timers.push(setTimeout(finish, PATIENCE_MS, 'answered'));
      const [answer] = answers;
      if (answer && rest.length === 0 && answer.headers.get('connection') !== 'close') finish('answered');
    });
    socket.on('error', () => finish('reset'));
    socket.on('close', () => finish('closed'));
  });
