/** A client that sends bytes over a connection of its own, and reads the answers without a library that repairs them. */
import { connect } from 'node:net';

export const CRLF = '\r\n';
const HEAD_END = Buffer.from(CRLF + CRLF);

export interface Answer {
  status: number;
  /** By lower-case name; several of one name are joined by a comma (RFC 9110, 5.3). */
  headers: Map<string, string>;
  body: Buffer;
}

/** The body behind a head, or undefined where it is not all there yet; a length of Infinity goes on to the end. */
const readBody = (
  bytes: Buffer,
  headers: Map<string, string>,
  hasBody: boolean,
  isOver: boolean,
): { body: Buffer; end: number } | undefined => {
  if (!hasBody) return { body: Buffer.alloc(0), end: 0 };
  if (headers.get('transfer-encoding') === 'chunked') {
    const parts: Buffer[] = [];
    for (let at = 0; ; ) {
      const lineEnd = bytes.indexOf(CRLF, at);
      if (lineEnd === -1) return undefined;
      const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
      const start = lineEnd + CRLF.length;
      if (bytes.length < start + size + CRLF.length) return undefined;
      at = start + size + CRLF.length;
      if (size === 0) return { body: Buffer.concat(parts), end: at };
      parts.push(bytes.subarray(start, start + size));
    }
  }
  const length = headers.get('content-length');
  if (length === undefined) return isOver ? { body: bytes, end: bytes.length } : undefined;
  if (bytes.length < Number(length)) return undefined;
  return { body: bytes.subarray(0, Number(length)), end: Number(length) };
};

/** Reads the answers that bytes hold. @param isHead whether the first answers a HEAD, and so has no body */
export const readAnswers = (
  all: Buffer,
  isHead: boolean,
  isOver: boolean,
): { answers: Answer[]; rest: Buffer } => {
  const answers: Answer[] = [];
  let rest = all;
  for (;;) {
    const headEnd = rest.indexOf(HEAD_END);
    if (headEnd === -1 || !/^HTTP\/1\.1 \d{3} /.test(rest.toString('latin1', 0, 13)))
      return { answers, rest };
    const [statusLine = '', ...lines] = rest.toString('latin1', 0, headEnd).split(CRLF);
    const status = Number(statusLine.slice(9, 12));
    const headers = new Map<string, string>();
    for (const line of lines) {
      const name = line.slice(0, line.indexOf(':')).toLowerCase();
      const value = line.slice(line.indexOf(':') + 1).trim();
      headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
    }
    const hasBody = status >= 200 && status !== 204 && status !== 304 && !(isHead && answers.length === 0);
    const found = readBody(rest.subarray(headEnd + HEAD_END.length), headers, hasBody, isOver);
    if (!found) return { answers, rest };
    rest = rest.subarray(headEnd + HEAD_END.length + found.end);
    if (status >= 200) answers.push({ status, headers, body: found.body });
  }
};

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const toRaw = ({ status, headers, body }: Answer): RawAnswer => ({
  status,
  headers: Object.fromEntries(headers),
  body: body.toString(),
});

/**
 * Sends `bytes` (a text as Latin-1) and resolves with the answers to them, once there are `count` or the server has
 * closed the connection.
 * @throws after `ms` milliseconds
 */
export const sendRaw = (port: number, bytes: string | Buffer, count = 1, ms = 10_000): Promise<RawAnswer[]> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received = Buffer.alloc(0);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`No ${count} answers within ${ms} ms, only ${JSON.stringify(received.toString())}.`));
    }, ms);
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(readAnswers(received, false, true).answers.map(toRaw));
    };
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (readAnswers(received, false, false).answers.length >= count) finish();
    });
    // A server that refuses may reset the connection behind its answer.
    socket.on('error', () => {});
    socket.on('close', finish);
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
