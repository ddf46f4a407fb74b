/** A client that sends what no client should: bytes over a connection of its own. */
import { connect } from 'node:net';

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** The answers that are whole in `bytes`, interim ones left out. */
const answersIn = (bytes: Buffer): RawAnswer[] => {
  const answers: RawAnswer[] = [];
  for (let rest = bytes.toString('latin1'); ; ) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return answers;
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const status = Number(statusLine.split(' ')[1]);
    const bodyEnd = end + 4 + Number(headers['content-length'] ?? 0);
    if (rest.length < bodyEnd) return answers;
    const body = Buffer.from(rest.slice(end + 4, bodyEnd), 'latin1').toString();
    if (status >= 200) answers.push({ status, headers, body });
    rest = rest.slice(bodyEnd);
  }
};

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
      resolve(answersIn(received));
    };
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (answersIn(received).length >= count) finish();
    });
    // A server that refuses may reset the connection behind its answer.
    socket.on('error', () => {});
    socket.on('close', finish);
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
