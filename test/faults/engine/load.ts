/** Clients that write and read orders of their own, and keep a history of it. */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../../testbed/until.ts';
import { GONE, type OrderHistory, type Outcome, type Write } from './history.ts';
import type { Random } from './random.ts';

/** More than any request may take. One that is still open then hangs. */
const REQUEST_TIMEOUT_MS = 15_000;
const PAUSE_AFTER_REFUSAL_MS = 100;
const PAUSE_POLL_MS = 5;
/** How long a client with a key tries again. */
const RETRY_FOR_MS = 120_000;

export interface LoadOptions {
  urls: string[];
  random: Random;
  clients?: number;
  /** How long a client rests after a write. */
  pauseMs?: number;
  /** What the names of its clients begin with: no other load's in the same world. */
  names?: string;
  /** Sends an Idempotency-Key with each write and tries again with it until the write is accepted. */
  keyed?: boolean;
  /**
   * Counts it as a refusal if a connection is reset that has carried nothing yet: when a server stops listening, the
   * kernel resets the connections that wait to be accepted. A write that was refused must have no effect.
   */
  resetRefuses?: boolean;
}

export interface Answer {
  status: number;
  location?: string | undefined;
  body: {
    order_id?: string;
    job_id?: string;
    status?: string;
    error?: string;
    entries?: { job_id: string }[];
  };
}

/** Calls the API. @returns its answer, 'refused' if no connection could be made, or 'unknown' */
export const createCaller = ({ resetRefuses = false }: Pick<LoadOptions, 'resetRefuses'> = {}) => {
  const agent = new Agent({ keepAlive: true });
  let longest = { ms: 0, what: 'nothing' };
  const call = (method: string, url: string, body?: object, headers: Record<string, string> = {}) =>
    new Promise<Answer | 'refused' | 'unknown'>((resolve) => {
      const started = performance.now();
      const settle = (answer: Answer | 'refused' | 'unknown') => {
        const ms = performance.now() - started;
        const became = typeof answer === 'string' ? answer : answer.status;
        if (ms > longest.ms) longest = { ms, what: `${method} ${new URL(url).pathname}: ${became}` };
        resolve(answer);
      };
      const payload = body && JSON.stringify(body);
      const outgoing = request(url, {
        agent,
        method,
        headers: payload ? { ...headers, 'content-type': 'application/json' } : headers,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      outgoing.on('error', (error) => {
        const code = 'code' in error ? error.code : undefined;
        const isReset = resetRefuses && code === 'ECONNRESET' && !outgoing.reusedSocket;
        settle(code === 'ECONNREFUSED' || isReset ? 'refused' : 'unknown');
      });
      outgoing.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('error', () => settle('unknown'));
        response.on('end', () =>
          settle({
            status: response.statusCode ?? 0,
            location: response.headers.location,
            body: JSON.parse(text || '{}'),
          }),
        );
      });
      outgoing.end(payload);
    });
  return { call, longest: () => longest, close: () => agent.destroy() };
};

/** What an answer says of a write's job. */
export const jobIn = (answer: Answer | 'refused' | 'unknown'): Pick<Write, 'jobId' | 'location'> => {
  const { location, body } = typeof answer === 'object' ? answer : {};
  return { ...(body?.job_id && { jobId: body.job_id }), ...(location && { location }) };
};

const outcomeOf = (answer: Answer | 'refused' | 'unknown'): Outcome => {
  if (typeof answer === 'string') return answer;
  if (answer.status === 202) return 'accepted';
  return answer.status === 503 && !answer.body.error?.includes('unknown') ? 'refused' : 'unknown';
};

/** Starts clients at once; they go on until `stop`. */
export const startLoad = ({
  urls,
  random,
  clients = 16,
  pauseMs = 0,
  names = 'client',
  keyed = false,
  resetRefuses,
}: LoadOptions) => {
  const caller = createCaller({ resetRefuses });
  const history: OrderHistory[] = [];
  /** Reads that failed. unreachable: no connection could be made; unreadable: no answer came, or a 503. */
  const counts = { accepted: 0, refused: 0, unknown: 0, reads: 0, unreachable: 0, unreadable: 0 };
  /** Answers that no client should ever get. */
  const oddities: string[] = [];
  /** Orders that nobody touches any more. */
  const finished: OrderHistory[] = [];
  let running = true;
  let paused = false;
  let acceptedAt = performance.now();
  let unacceptedMs = 0;
  const noteAccepted = () => {
    const now = performance.now();
    unacceptedMs = Math.max(unacceptedMs, now - acceptedAt);
    acceptedAt = now;
  };
  let inFlight = 0;
  const anyUrl = () => random.pick(urls);

  const call: typeof caller.call = async (...request) => {
    while (paused) await sleep(PAUSE_POLL_MS);
    inFlight++;
    try {
      return await caller.call(...request);
    } finally {
      inFlight--;
    }
  };

  const attempt = async (method: string, path: string, body: object | undefined, key?: string) => {
    const answer = await call(method, `${anyUrl()}${path}`, body, key ? { 'idempotency-key': key } : {});
    if (typeof answer === 'object' && ![202, 409, 503].includes(answer.status))
      oddities.push(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  };

  const write = async (order: OrderHistory, kind: Write['kind'], status: string): Promise<Outcome> => {
    const [method, path, body] = {
      create: [
        'POST',
        '/orders',
        { customer_name: order.name, status, items: [{ name: 'Tea', quantity: order.quantity }] },
      ],
      status: ['PATCH', `/orders/${order.id}/status`, { status }],
      delete: ['DELETE', `/orders/${order.id}`, undefined],
    }[kind] as [string, string, object | undefined];
    const key = keyed ? randomUUID() : undefined;
    const giveUp = performance.now() + RETRY_FOR_MS;
    let answer = await attempt(method, path, body, key);
    while (key && outcomeOf(answer) !== 'accepted' && performance.now() < giveUp) {
      await sleep(PAUSE_AFTER_REFUSAL_MS);
      answer = await attempt(method, path, body, key);
    }
    const outcome = outcomeOf(answer);
    counts[outcome]++;
    if (outcome === 'accepted') noteAccepted();
    if (key && outcome !== 'accepted')
      oddities.push(
        `${method} ${path} was not accepted within ${RETRY_FOR_MS} ms: ${JSON.stringify(answer)}`,
      );
    const { order_id: id } = typeof answer === 'object' ? answer.body : {};
    order.writes.push({ kind, status, outcome, ...jobIn(answer) });
    if (id && outcome === 'accepted') order.id = id;
    if (outcome === 'refused') await sleep(Math.max(PAUSE_AFTER_REFUSAL_MS, pauseMs));
    else if (pauseMs > 0) await sleep(pauseMs);
    return outcome;
  };

  const read = async (order: OrderHistory) => {
    const answer = await call('GET', `${anyUrl()}/orders/${order.id}`);
    counts.reads++;
    if (answer === 'refused') counts.unreachable++;
    else if (answer === 'unknown' || answer.status === 503) counts.unreadable++;
    else if (answer.status === 404) order.reads.push({ after: order.writes.length, saw: GONE });
    else if (answer.status === 200)
      order.reads.push({ after: order.writes.length, saw: answer.body.status ?? '(nothing)' });
    else oddities.push(`GET: ${answer.status} ${JSON.stringify(answer.body)}`);
  };

  const client = async (number: number) => {
    for (let n = 0; running; n++) {
      const order: OrderHistory = {
        name: `${names} ${number} order ${n}`,
        quantity: random.integer(1, 1_000),
        writes: [],
        reads: [],
      };
      history.push(order);
      if ((await write(order, 'create', 'new')) !== 'accepted') continue;
      if (random.chance(0.5)) await read(order);
      const changes = random.integer(0, 3);
      for (let i = 1; i <= changes && running; i++) {
        await write(order, 'status', `status ${i}`);
        if (random.chance(0.5)) await read(order);
      }
      if (random.chance(0.2)) await write(order, 'delete', '');
      if (random.chance(0.5)) await read(order);
      finished.push(order);
    }
  };
  const clientsDone = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));

  return {
    history,
    finished,
    counts,
    oddities,
    clients,
    /** The request that took longest. */
    longest: caller.longest,
    /** The longest time between one accepted write and the next, in milliseconds. */
    unacceptedMs: () => unacceptedMs,
    /** Resolves when no request is in flight; none is made until `resume`. */
    pause: async () => {
      paused = true;
      await until('no request is in flight', () => inFlight === 0, REQUEST_TIMEOUT_MS);
    },
    resume: () => {
      paused = false;
      acceptedAt = performance.now();
    },
    stop: async () => {
      running = false;
      paused = false;
      await clientsDone;
      caller.close();
    },
  };
};
export type Load = ReturnType<typeof startLoad>;
