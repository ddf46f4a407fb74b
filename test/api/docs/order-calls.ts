/** The calls of orders: one, many at once, those that are waited for, and lists. */
import type { Test } from 'tap';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../../helpers/orders.ts';
import { startProcess } from '../../helpers/processes.ts';
import { big, type Call, type Calls, malformed, NONE, ORDER, PROBLEM, type Row } from './calls.ts';

export const testOrders = (t: Test, { app, make, check }: Calls): void => {
  t.test('orders', async (t) => {
    const created = await make(t, app, ['POST /orders', 202, { url: '/orders', payload: ORDER }]);
    const url = `/orders/${created.json().order_id}`;
    const ship = { url: `${url}/status`, payload: { status: 'shipped' } };
    const keyed = { 'idempotency-key': '"twice"' };
    for (const row of [
      ['GET /orders/{id}', 200, { url }],
      ['PATCH /orders/{id}/status', 202, ship],
      ['DELETE /orders/{id}', 202, { url }],
      ['GET /orders/{id}', 404, { url: `/orders/${NONE}` }],
      ['GET /orders/{id}', 404, { url: '/orders/1' }],
      ['PATCH /orders/{id}/status', 404, { ...ship, url: '/orders/1/status' }],
      ['DELETE /orders/{id}', 404, { url: '/orders/1' }],
      ['POST /orders', 400, { url: '/orders', payload: {} }],
      ['PATCH /orders/{id}/status', 400, { ...ship, payload: {} }],
      ['POST /orders', 413, { url: '/orders', payload: big(ORDER) }],
      ['PATCH /orders/{id}/status', 413, { ...ship, payload: big({}) }],
      ['DELETE /orders/{id}', 413, { url, payload: big({}) }],
      ['POST /orders', 415, { url: '/orders', payload: 'a=1', headers: { 'content-type': 'text/plain' } }],
      ['POST /orders', 202, { url: '/orders', payload: ORDER, headers: keyed }],
      ['POST /orders', 422, { url: '/orders', payload: { ...ORDER, status: 'new' }, headers: keyed }],
      ['PATCH /orders/{id}/status', 422, { ...ship, headers: keyed }],
      ['DELETE /orders/{id}', 422, { url, headers: keyed }],
      ...malformed('POST /orders', '/orders'),
      ...malformed('PATCH /orders/{id}/status', ship.url),
      ...malformed('DELETE /orders/{id}', url),
      ...malformed('GET /orders/{id}', url),
    ] as Row[])
      await make(t, app, row);
    const again = await make(t, app, [
      'POST /orders',
      202,
      { url: '/orders', payload: ORDER, headers: keyed },
    ]);
    t.equal(again.headers['idempotency-replayed'], 'true');

    for (const [operation, call] of [
      ['POST /orders', { url: '/orders', payload: ORDER }],
      ['POST /orders/batch', { url: '/orders/batch', payload: [ORDER] }],
      ['PATCH /orders/{id}/status', ship],
      ['DELETE /orders/{id}', { url }],
    ] as const)
      await until(`${operation} meets itself`, async () => {
        const headers = { 'idempotency-key': `${operation} ${Math.random()}` };
        const [method] = operation.split(' ') as ['POST'];
        const answers = await Promise.all(
          [{}, PROBLEM, {}].map((accept) =>
            app.inject({ method, ...call, headers: { ...headers, ...accept } }),
          ),
        );
        for (const answer of answers) check(t, operation, answer);
        return answers.some(({ statusCode }) => statusCode === 409);
      });
  });

  t.test('writes that are waited for', async (t) => {
    const own = await isolatedEnvironment({ MAX_ATTEMPTS: '1' });
    const patient = await startReadyApp(t, own);
    const consumer = startProcess(t, 'consumer', own);
    const headers = { prefer: 'wait=30', 'idempotency-key': 'first' };
    const post: Call = { url: '/orders', payload: ORDER, headers };
    const created = await make(t, patient, ['POST /orders', 201, post]);
    t.equal(created.headers['preference-applied'], 'wait=30');
    const url = `/orders/${created.json().order_id}`;
    const wait = { prefer: 'wait=30' };
    const ship = { url: `${url}/status`, payload: { status: 'shipped' }, headers: wait };
    for (const row of [
      ['PATCH /orders/{id}/status', 200, ship],
      ['DELETE /orders/{id}', 204, { url, headers: wait }],
      ['PATCH /orders/{id}/status', 410, ship],
      ['POST /orders', 410, post],
      ['PATCH /orders/{id}/status', 404, { ...ship, url: `/orders/${NONE}/status` }],
      ['DELETE /orders/{id}', 404, { url: `/orders/${NONE}`, headers: wait }],
    ] as Row[])
      await make(t, patient, row);
    const [, job = ''] = /<(.*)>/.exec(String(created.headers.link)) ?? [];
    const events = { url: job.replace('?', '/events?') };
    await make(t, patient, ['GET /jobs/{id}/events', 200, events]);
    const known = { ...events, headers: { 'last-event-id': 'succeeded.1' } };
    await make(t, patient, ['GET /jobs/{id}/events', 204, known]);
    await consumer.end();
  });

  t.test('batches', async (t) => {
    const url = '/orders/batch';
    const many = { url, payload: [ORDER, {}] };
    const keyed = { 'idempotency-key': 'many' };
    for (const row of [
      ['POST /orders/batch', 202, many],
      ['POST /orders/batch', 202, { ...many, headers: keyed }],
      ['POST /orders/batch', 202, { ...many, headers: keyed }],
      ['POST /orders/batch', 422, { url, payload: [ORDER], headers: keyed }],
      ['POST /orders/batch', 400, { url, payload: [] }],
      ['POST /orders/batch', 413, { url, payload: [{ padding: 'x'.repeat(8 * 2 ** 20) }] }],
      ...malformed('POST /orders/batch', url),
    ] as Row[])
      await make(t, app, row);
  });

  t.test('lists', async (t) => {
    await insertAccepted(app.database.orm, [anAcceptedOrder(), anAcceptedOrder({ status: 'shipped' })]);
    for (const row of [
      ['GET /orders', 200, { url: '/orders' }],
      ['GET /orders', 200, { url: '/orders?limit=1' }],
      ['GET /orders', 200, { url: '/orders?status=shipped&count=true&customer_name=a' }],
      ['GET /orders', 404, { url: `/orders?after=${NONE}` }],
      ['GET /orders', 400, { url: '/orders?limit=0' }],
      ['GET /orders', 304, { url: '/orders', headers: { 'if-none-match': '*' } }],
      ...malformed('GET /orders', '/orders'),
    ] as Row[])
      await make(t, app, row);
  });
};
