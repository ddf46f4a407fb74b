/** Each call of the API once, as a client makes them. */
import { readFileSync } from 'node:fs';
import type { Test } from 'tap';

const HTTP_METHODS = ['get', 'post', 'patch', 'delete'];
const ORDER = { customer_name: 'Ada 🦀', items: [{ name: 'Tea', quantity: 2 }] };

/** The operations that the documentation has. */
const documented = (): string[] => {
  const { paths } = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'));
  return Object.entries<object>(paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((method) => HTTP_METHODS.includes(method))
      .map((method) => `${method.toUpperCase()} ${path}`),
  );
};

/**
 * Makes each call of the API, and checks its answer.
 * @param url of an API with consumers
 */
export const makeAllCalls = async (t: Test, url: string, adminPassword: string): Promise<void> => {
  const made = new Set<string>();
  const make = async (
    operation: string,
    status: number,
    ids: Record<string, string> = {},
    options: RequestInit = {},
  ) => {
    made.add(operation);
    const [method = '', template = ''] = operation.split(' ');
    const path = template.replace('{id}', ids.id ?? '') + (ids.query ?? '');
    const response = await fetch(`${url}${path}`, { ...options, method });
    const text = response.headers.get('content-type')?.startsWith('text/event-stream')
      ? await firstOf(response)
      : await response.text();
    t.equal(response.status, status, `${operation}: ${text.slice(0, 200)}`);
    return text;
  };
  /** The beginning of a stream that does not end. */
  const firstOf = async (response: Response): Promise<string> => {
    const reader = response.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    await reader?.cancel();
    return Buffer.from(value ?? []).toString();
  };
  const json = (body: object, headers: Record<string, string> = {}): RequestInit => ({
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const applied = { prefer: 'wait=30' };
  const admin = { headers: { 'x-admin-password': adminPassword } };

  const order = JSON.parse(await make('POST /orders', 201, {}, json(ORDER, applied)));
  t.match(order, ORDER);
  const id = order.order_id;
  await make('PATCH /orders/{id}/status', 200, { id }, json({ status: 'shipped' }, applied));
  t.match(JSON.parse(await make('GET /orders/{id}', 200, { id })), { ...ORDER, status: 'shipped' });
  t.match(JSON.parse(await make('GET /orders', 200)), { total_orders: 1, orders: [{ status: 'shipped' }] });
  t.match(JSON.parse(await make('GET /orders', 200, { query: '?limit=1&count=true' })), { total_orders: 1 });
  const { results } = JSON.parse(await make('POST /orders/batch', 202, {}, json([ORDER, ORDER])));
  t.equal(results.length, 2);
  const job = { id: results[0].job_id };
  await make('GET /jobs/{id}', 200, { ...job, query: '?wait=0' });
  t.match(await make('GET /jobs/{id}/events', 200, job), ': orders');
  await make('GET /jobs', 200, { query: '?limit=5' });
  await make('GET /orders/{id}/history', 200, { id });
  t.match(await make('GET /orders/{id}/events', 200, { id }), ': orders');
  t.match(await make('GET /events', 200), ': orders');
  await make('DELETE /orders/{id}', 204, { id }, { headers: applied });
  await make('GET /orders/{id}', 404, { id });
  await make('POST /admin/seed', 201, {}, json({ count: 5, password: adminPassword }));
  await make('GET /admin/dead-letters', 200, {}, admin);
  await make('POST /admin/dead-letters/replay', 200, {}, admin);
  await make('POST /admin/dead-letters/discard', 200, {}, admin);
  await make('POST /admin/reset', 200, {}, admin);
  for (const path of ['/health/live', '/health/ready', '/docs', '/openapi.json', '/asyncapi.json'])
    await make(`GET ${path}`, 200);
  // The console's own are made by its page (test/clients/console.test.ts).
  const others = documented().filter((operation) => !operation.includes(' /console'));
  t.strictSame([...made].sort(), others.sort(), 'each call that there is');
};
