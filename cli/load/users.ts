/**
 * Users who list, create, read, change and delete orders, and check what they read: the same mix, the same checks and the
 * same pauses as in test/locustfile.py. Each reads only orders of their own, so nobody else can have changed what they
 * expect to see.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Connection, Request } from './connection.ts';

const CUSTOMERS = ['Ada', 'Grace', 'Zoë Müller', '李雷', 'Anna 🍏'];
const PRODUCTS = ['apple', 'bread', 'coffee', 'dates', 'eggs'];
const STATUSES = ['paid', 'packed', 'shipped', 'delivered'];
const DELETED = 'deleting';
/** How long a user waits after each task, in milliseconds. */
const WAIT_MS = { least: 1_000, most: 3_000 };

/** What became of a request. */
export interface Outcome {
  method: string;
  /** The path, with `[id]` for an id. */
  name: string;
  /** From the request to the end of the answer, in milliseconds. */
  ms: number;
  /** Why it counts as failed. */
  failure: string | undefined;
}

const between = (least: number, most: number) => least + Math.random() * (most - least);
const integer = (least: number, most: number) => Math.floor(between(least, most + 1));
const oneOf = <T>(all: readonly T[]): T | undefined => all[Math.floor(Math.random() * all.length)];
const some = <T>(all: readonly T[], count: number): T[] =>
  all
    .map((value) => ({ value, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ value }) => value);

const membersOf = ({ body }: Answer): { job_type?: unknown; order_id?: unknown; status?: unknown } => {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
};

/** Why the answer to a write is not that it was queued as a job of this type. */
const notAccepted = (answer: Answer, type: string): string | undefined => {
  if (answer.status !== 202) return `expected 202, got ${answer.status}`;
  const { job_type } = membersOf(answer);
  return job_type === type ? undefined : `expected the job_type ${type}, got ${job_type}`;
};

/**
 * One user.
 * @param told gets what became of each request
 */
const createUser = (connection: Connection, told: (outcome: Outcome) => void) => {
  /** The status that each order must have, by its id; DELETED after a delete. */
  const orders = new Map<string, string>();

  /** @returns whether it succeeded */
  const request = async (
    { name = '', ...asked }: Request & { name?: string },
    check: (answer: Answer) => string | undefined,
  ): Promise<boolean> => {
    const started = performance.now();
    let failure: string | undefined;
    try {
      failure = check(await connection.ask(asked));
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    told({ method: asked.method, name: name || asked.path, ms: performance.now() - started, failure });
    return failure === undefined;
  };

  const list = () =>
    request({ method: 'GET', path: '/orders' }, ({ status }) =>
      status < 400 ? undefined : `expected 200, got ${status}`,
    );

  const create = async () => {
    const items = some(PRODUCTS, integer(1, 3)).map((name) => ({ name, quantity: integer(1, 9) }));
    const body = { customer_name: oneOf(CUSTOMERS), items };
    await request({ method: 'POST', path: '/orders', body }, (answer) => {
      const failure = notAccepted(answer, 'create_order');
      if (!failure) orders.set(String(membersOf(answer).order_id), 'received');
      return failure;
    });
  };

  const readOwn = async () => {
    const own = oneOf([...orders]);
    if (!own) return;
    const [id, expected] = own;
    await request({ method: 'GET', path: `/orders/${id}`, name: '/orders/[id]' }, (answer) => {
      if (answer.status === 404 && expected === DELETED) return undefined;
      if (answer.status !== 200) return `expected 200, got ${answer.status}`;
      const { status } = membersOf(answer);
      return status === expected ? undefined : `expected the status ${expected}, got ${status}`;
    });
  };

  /** Notes the order's new status, or forgets the order if the write may or may not have happened. */
  const write = async (asked: Request & { name: string }, type: string, id: string, status: string) => {
    if (await request(asked, (answer) => notAccepted(answer, type))) orders.set(id, status);
    else orders.delete(id);
  };
  const undeleted = () => oneOf([...orders].filter(([, status]) => status !== DELETED))?.[0];

  const change = async () => {
    const id = undeleted();
    const status = oneOf(STATUSES) ?? '';
    const name = '/orders/[id]/status';
    if (id !== undefined)
      await write(
        { method: 'PATCH', path: `/orders/${id}/status`, name, body: { status } },
        'update_order_status',
        id,
        status,
      );
  };
  const remove = async () => {
    const id = undeleted();
    if (id !== undefined)
      await write(
        { method: 'DELETE', path: `/orders/${id}`, name: '/orders/[id]' },
        'delete_order',
        id,
        DELETED,
      );
  };

  const tasks: [weight: number, task: () => Promise<unknown>][] = [
    [5, list],
    [2, create],
    [3, readOwn],
    [1, change],
    [1, remove],
  ];
  return { create, tasks: tasks.flatMap(([weight, task]) => Array.from({ length: weight }, () => task)) };
};

/** Lets a user work until the signal. Resolves once the last request has its answer. */
export const runUser = async (
  connection: Connection,
  told: (outcome: Outcome) => void,
  signal: AbortSignal,
): Promise<void> => {
  const { create, tasks } = createUser(connection, told);
  try {
    if (!signal.aborted) await create();
    while (!signal.aborted) {
      await oneOf(tasks)?.();
      await sleep(between(WAIT_MS.least, WAIT_MS.most), undefined, { signal }).catch(() => {});
    }
  } finally {
    connection.close();
  }
};
