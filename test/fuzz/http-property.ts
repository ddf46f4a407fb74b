/** Any request is answered as it must be, and what is accepted is kept. */
import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import type { Order } from '../../domain/order.ts';
import { deadQueue } from '../../queue/topology.ts';
import { until } from '../../testbed/until.ts';
import type { Answer } from '../helpers/raw-http.ts';
import { PASSWORD } from './fields.ts';
import { anyRequest, type Request } from './http.ts';
import { itemsIn, jsonIn } from './jobs.ts';
import { createLedger, type Entry, isShown, isStored, type Write } from './ledger.ts';
import type { Service } from './service.ts';
import { KNOWN, KNOWN_JOB } from './targets.ts';
import { judge } from './verdict.ts';
import { type Exchange, encode, exchange } from './wire.ts';

const REQUESTS_AT_ONCE = 12;
const SETTLE_WITHIN_MS = 20_000;

/** What a write is answered with that is accepted, or of which its client has seen the end. */
const ACCEPTED = 202;
const ENDED = [200, 201, 204];
/** With an end comes the link to the job. */
const MONITOR = /<\/jobs\/([^?>]+)\?order_id=([^&>]+)&version=\d+>; rel="monitor"/;
const monitorOf = ({ headers }: Answer) => MONITOR.exec(headers.get('link') ?? '') ?? undefined;
const isAccepted = (answer: Answer | undefined): answer is Answer =>
  answer !== undefined &&
  (answer.status === ACCEPTED || (ENDED.includes(answer.status) && monitorOf(answer) !== undefined));

const MISSING = '00000000-0000-4000-8000-000000000000';

const withKnown = (request: Request, id = MISSING, jobId = MISSING): Request => ({
  ...request,
  target: request.target
    .replaceAll(KNOWN, id)
    .replaceAll(KNOWN_JOB, jobId)
    .replaceAll(KNOWN_JOB.toUpperCase(), jobId.toUpperCase()),
  isValid: request.isValid && !(jobId === MISSING && request.target.includes(KNOWN_JOB)),
});

/** How a request is shown if it breaks something. */
const shown = (request: Request): string =>
  `${JSON.stringify(encode(request).toString('latin1', 0, 1_500))} (${request.framing})`;

const headerOf = ({ headers }: Request, name: string): string =>
  headers.find(([given]) => given.toLowerCase() === name)?.[1].toLowerCase() ?? '';

/** The JSON of a body, or of each of its lines; nothing if the body is not that, or not in UTF-8. */
const elementsIn = (request: Request): unknown[] => {
  if (!/^application\/(x-ndjson|ndjson|jsonl)/.test(headerOf(request, 'content-type'))) {
    const value = jsonIn(request.body);
    return [value ?? []].flat();
  }
  if (!isUtf8(request.body)) return [];
  return request.body
    .toString()
    .split('\n')
    .filter((line) => /[^ \t\r\ufeff]/.test(line))
    .map((line) => jsonIn(Buffer.from(line)));
};

/** What is wrong with an accepted request: its body must be JSON in UTF-8, and its headers must not say otherwise. */
const problemsOfAccepted = (request: Request): string[] => {
  const problems: string[] = [];
  if (!/^(|identity)$/.test(headerOf(request, 'content-encoding')))
    problems.push('it was taken, and is encoded');
  const [, charset = 'utf-8'] = /charset="?([^";\s]*)/.exec(headerOf(request, 'content-type')) ?? [];
  if (charset !== 'utf-8') problems.push(`it was taken, and is in ${charset}`);
  if (elementsIn(request).length === 0) problems.push('it was taken, and is no JSON in UTF-8');
  return problems;
};

/** What the client asked for. */
const orderIn = (value: unknown): Omit<Order, 'order_id'> => {
  const { customer_name, status = 'received', items } = value as Order;
  return {
    customer_name,
    status,
    items: (itemsIn(items) as Order['items']).map(({ name, quantity }) => ({
      name,
      quantity: Number(quantity),
    })),
  };
};

/** What was accepted, each order of a batch by itself. */
const writesOf = (request: Request, answer: Answer): Write[] => {
  const elements = elementsIn(request);
  const [, jobId, orderId] = monitorOf(answer) ?? [];
  if (jobId !== undefined && orderId !== undefined) {
    const order = request.method === 'POST' ? orderIn(elements[0]) : undefined;
    const status = request.method === 'PATCH' ? (elements[0] as { status: string }).status : undefined;
    return [{ jobId, orderId, order, status }];
  }
  const { results, job_id, order_id, job_type } = JSON.parse(answer.body.toString());
  if (results !== undefined)
    return results.flatMap((result: { job_id?: string; order_id: string }, place: number) =>
      result.job_id === undefined
        ? []
        : {
            jobId: result.job_id,
            orderId: result.order_id,
            order: orderIn(elements[place]),
            status: undefined,
          },
    );
  const [element] = elements;
  return [
    {
      jobId: job_id,
      orderId: order_id,
      order: job_type === 'create_order' ? orderIn(element) : undefined,
      status: job_type === 'update_order_status' ? (element as { status: string }).status : undefined,
    },
  ];
};

/** Sends what `anyRequest` makes, and judges what comes back and what becomes of it. */
export const httpFuzz = async (service: Service) => {
  const { env, port, url, stores } = service;
  const secrets = [PASSWORD, env.DB_NAME ?? ''];
  const ledger = createLedger();
  /** How often an answer with this id and status was seen. */
  const answered = new Map<string, number>();
  const counts = { requests: 0, answers: 0, accepted: 0 };

  const read = async (id: string): Promise<{ status: number; order: Order | undefined }> => {
    const response = await fetch(`${url}/orders/${id}`);
    const body = (await response.json()) as Order;
    return { status: response.status, order: response.ok ? body : undefined };
  };

  const send = async (
    request: Request,
  ): Promise<{ request: Request; exchange: Exchange; problems: string[] }> => {
    const exchanged = await exchange(port, request);
    const problems = judge(request, exchanged, secrets);
    counts.requests++;
    counts.answers += exchanged.answers.length;
    for (const { headers, status } of exchanged.answers) {
      const key = `${headers.get('x-request-id')} ${status}`;
      answered.set(key, (answered.get(key) ?? 0) + 1);
    }
    const [answer] = exchanged.answers;
    if (isAccepted(answer)) {
      counts.accepted++;
      if (request.method !== 'DELETE') problems.push(...problemsOfAccepted(request));
    }
    return {
      request,
      exchange: exchanged,
      problems: problems.map((problem) => `${problem}\n  ${shown(request)}`),
    };
  };

  /** Whether a request to remove everything, as a reset does, was carried out. */
  const wasDone = (
    { request, exchange: { answers } }: { request: Request; exchange: Exchange },
    path: string,
  ) => request.target === path && answers[0]?.status === 200;

  const problemsOfOrders = async (entries: Entry[]): Promise<string[]> => {
    const problems: string[] = [];
    for (const entry of entries) {
      const { status, order } = await read(entry.id);
      if (!isShown(entry, status, order))
        problems.push(`readers see ${status} ${JSON.stringify(order)} where it is ${fc.stringify(entry)}`);
    }
    for (const entry of entries) {
      const row = () => stores.order(entry.id);
      const stored = until('it is stored', async () => isStored(entry, await row()), SETTLE_WITHIN_MS);
      await stored.catch(async () => {
        problems.push(`MySQL has ${JSON.stringify(await row())} where it is ${fc.stringify(entry)}`);
      });
    }
    return problems;
  };

  const property = fc.asyncProperty(
    fc.array(anyRequest, { minLength: 1, maxLength: REQUESTS_AT_ONCE }),
    async (requests) => {
      const resolved = requests.map((request, i) => withKnown(request, ledger.pick(i), ledger.pickJob(i)));
      const results = await Promise.all(resolved.map(send));
      const wasReset = results.some((result) => wasDone(result, '/admin/reset'));
      if (wasReset || results.some((result) => wasDone(result, '/admin/dead-letters/discard')))
        ledger.homeless.clear();
      if (wasReset) ledger.removeAll();
      // Whether a write without an answer was accepted nobody knows.
      for (const {
        request,
        exchange: { answers },
      } of results)
        if (answers.length === 0)
          for (const [id] of request.target.matchAll(/[0-9a-f-]{36}/g)) ledger.forget(id);
      const writes = results.flatMap(({ request, exchange: { answers } }) =>
        !wasReset && isAccepted(answers[0]) && !answers[0].headers.has('idempotency-replayed')
          ? writesOf(request, answers[0])
          : [],
      );
      const entries = ledger.note(writes);
      const problems = results.flatMap((result) => result.problems);
      if (problems.length > 0) throw new Error(problems.join('\n'));
      const wrong = await problemsOfOrders(entries);
      if (!service.isAlive()) wrong.push(...(await service.problems(counts.requests)));
      if (wrong.length > 0) throw new Error([...wrong, ...resolved.map(shown)].join('\n'));
    },
  );

  /** The answers that have no line in the access log. */
  const unlogged = (): string[] => {
    const lines = existsSync(service.accessLogFile) ? readFileSync(service.accessLogFile, 'utf8') : '';
    const logged = new Map<string, number>();
    for (const line of lines.split('\n').filter(Boolean)) {
      const { request_id, status } = JSON.parse(line);
      logged.set(`${request_id} ${status}`, (logged.get(`${request_id} ${status}`) ?? 0) + 1);
    }
    return [...answered].flatMap(([key, times]) => ((logged.get(key) ?? 0) < times ? [key] : []));
  };

  const deadJobs = new Set<string>();
  const areDead = async (): Promise<boolean> => {
    for (;;) {
      const letter = await stores.take(deadQueue(stores.queue));
      if (!letter) break;
      deadJobs.add(JSON.parse(letter.content.toString()).job_id);
    }
    return [...ledger.homeless].every((id) => deadJobs.has(id));
  };

  return {
    counts: () => counts,
    property,

    /** What is wrong when all has been sent. */
    problems: async (): Promise<string[]> => {
      const problems = await service.problems(counts.requests);
      await until('every answer is in the access log', () => unlogged().length === 0, 5_000).catch(() => {
        problems.push(`These answers are not in the access log: ${unlogged().slice(0, 10).join(', ')}`);
      });
      await until('jobs without an order are dead letters', areDead, SETTLE_WITHIN_MS).catch(() => {
        const lost = [...ledger.homeless].filter((id) => !deadJobs.has(id));
        problems.push(`${lost.length} accepted jobs are nowhere: ${lost.slice(0, 10).join(', ')}`);
      });
      return problems;
    },
  };
};
