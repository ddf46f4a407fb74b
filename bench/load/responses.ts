/** Reads responses: as much of HTTP/1.1 as is needed to know where each of them ends. */

export interface Response {
  status: number;
  /** Its body, empty if bodies are not kept. */
  body: string;
  /** Whether the server closes the connection after this response (RFC 9112, 9.6). */
  closes: boolean;
}

const HEAD_END = '\r\n\r\n';

/** Whether a response has a body (RFC 9112, 6.3). */
const hasBody = (status: number) => status >= 200 && status !== 204 && status !== 304;

const bodyLength = (status: number, head: string): number => {
  if (!hasBody(status)) return 0;
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
  if (length === undefined) throw new Error(`A response has no Content-Length: ${JSON.stringify(head)}`);
  return Number(length);
};

/**
 * Makes a function that takes the bytes of a connection as they arrive, in whatever pieces. For each complete response
 * it calls `onResponse`; interim responses (1xx) are skipped.
 * @throws Error from that function if a response has a body but no Content-Length
 */
export const responseReader = (onResponse: (response: Response) => void, keepBodies = false) => {
  let held: Buffer | undefined;
  let current: Response | undefined;
  let missing = 0;
  let body: Buffer[] = [];

  const finish = (response: Response) => {
    if (keepBodies) response.body = Buffer.concat(body).toString();
    body = [];
    current = undefined;
    if (response.status >= 200) onResponse(response);
  };
  /** Reads the head of a response. @returns where it ends, or undefined if it is not complete yet */
  const readHead = (bytes: Buffer, from: number): number | undefined => {
    const end = bytes.indexOf(HEAD_END, from, 'latin1');
    if (end === -1) return undefined;
    const head = bytes.toString('latin1', from, end);
    const status = Number(head.slice(9, 12));
    missing = bodyLength(status, head);
    current = { status, body: '', closes: /\r\nconnection: *close/i.test(head) };
    return end + HEAD_END.length;
  };

  return (chunk: Buffer): void => {
    const bytes = held ? Buffer.concat([held, chunk]) : chunk;
    held = undefined;
    for (let at = 0; at < bytes.length; ) {
      if (!current) {
        const end = readHead(bytes, at);
        if (end === undefined) {
          held = bytes.subarray(at);
          return;
        }
        at = end;
      }
      const taken = Math.min(missing, bytes.length - at);
      if (keepBodies && taken > 0) body.push(bytes.subarray(at, at + taken));
      at += taken;
      missing -= taken;
      if (current && missing === 0) finish(current);
    }
  };
};
