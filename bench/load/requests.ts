/** Requests as they go over the wire. They are made before anything is measured. */

export interface Request {
  /** The whole request, as it is sent. */
  text: string;
  /** The status that its answer must have. */
  expected: number;
}

/**
 * Makes a request.
 * @param path with its query
 * @param expected the status of the right answer
 * @param body sent as JSON
 */
export const httpRequest = (
  method: string,
  path: string,
  expected: number,
  { body, headers = {} }: { body?: object; headers?: Record<string, string> } = {},
): Request => {
  const json = body === undefined ? '' : JSON.stringify(body);
  const all = {
    host: 'orders',
    ...(body && { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(json)) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return { text: `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${json}`, expected };
};
