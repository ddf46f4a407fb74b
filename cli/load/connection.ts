/** The connection of one user, which stays open between requests, as a browser's does. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export interface Request {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  body?: object;
}
export interface Answer {
  status: number;
  /** Empty if it is compressed: only lists are, and nobody reads them. */
  body: string;
}

const ANSWER_WITHIN_MS = 60_000;

const bodyOf = async (response: IncomingMessage): Promise<string> => {
  const isRead = response.headers['content-encoding'] === undefined;
  const pieces: Buffer[] = [];
  for await (const piece of response) if (isRead) pieces.push(piece);
  return Buffer.concat(pieces).toString();
};

/** @param base where the API is */
export const openConnection = (base: URL) => {
  const isTls = base.protocol === 'https:';
  const agent = new (isTls ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: 1 });
  const make = isTls ? httpsRequest : httpRequest;
  const prefix = base.pathname.replace(/\/$/, '');

  const send = ({ method, path, body }: Request): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const content = body && Buffer.from(JSON.stringify(body));
      const headers = {
        accept: '*/*',
        'accept-encoding': 'gzip, deflate',
        ...(content && { 'content-type': 'application/json', 'content-length': content.length }),
      };
      const asked = make(new URL(`${prefix}${path}`, base), { method, agent, headers }, (response) => {
        bodyOf(response).then((text) => resolve({ status: response.statusCode ?? 0, body: text }), reject);
      });
      asked.setTimeout(ANSWER_WITHIN_MS, () => asked.destroy(new Error('no answer within 60 s')));
      asked.on('error', (error) => {
        // The server has closed the idle connection in the moment in which we used it (RFC 9112, 9.3.1).
        const isIdleEnd = asked.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
        if (isIdleEnd) send({ method, path, ...(body && { body }) }).then(resolve, reject);
        else reject(error);
      });
      asked.end(content);
    });

  return { ask: send, close: () => agent.destroy() };
};
export type Connection = ReturnType<typeof openConnection>;
