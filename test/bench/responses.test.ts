/** Where responses end, however their bytes arrive. */
import t from 'tap';
import { type Response, responseReader } from '../../bench/load/responses.ts';

const text = [
  'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 13\r\n\r\n{"a":"\r\n\r\n"}\n',
  'HTTP/1.1 304 Not Modified\r\netag: "x"\r\ncontent-length: 500\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 202 Accepted\r\ncontent-length:5\r\nConnection: close\r\n\r\nZoë\n',
  'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n',
];
const expected: Response[] = [
  { status: 200, body: '{"a":"\r\n\r\n"}\n', closes: false },
  { status: 304, body: '', closes: false },
  { status: 204, body: '', closes: false },
  { status: 202, body: 'Zoë\n', closes: true },
  { status: 503, body: '', closes: false },
];
const bytes = Buffer.from(text.join(''));

const readInPieces = (pieces: Buffer[], keepBodies = true): Response[] => {
  const found: Response[] = [];
  const read = responseReader((response) => found.push(response), keepBodies);
  for (const piece of pieces) read(piece);
  return found;
};

t.test('all at once, as pipelined answers come', async (t) => {
  t.same(readInPieces([bytes]), expected);
});

t.test('in pieces of every size', async (t) => {
  for (let size = 1; size < bytes.length; size++) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    t.same(readInPieces(pieces), expected, `${size} bytes`);
  }
});

t.test('a response is told of as soon as its last byte is there, and not before', async (t) => {
  const [first = ''] = text;
  t.same(readInPieces([Buffer.from(first).subarray(0, -1)]), []);
  t.equal(readInPieces([Buffer.from(first), Buffer.from('HTTP/1.1 2')]).length, 1);
});

t.test('bodies are left out unless they are wanted', async (t) => {
  t.same(
    readInPieces([bytes], false),
    expected.map((response) => ({ ...response, body: '' })),
  );
});

t.test('a body of unknown length is an error', async (t) => {
  const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
  t.throws(() => readInPieces([Buffer.from(chunked)]), { message: /no Content-Length/ });
});
