/** The calls of jobs. */
import type { Test } from 'tap';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { type Calls, malformed, ORDER, type Row } from './calls.ts';

export const testJobs = (t: Test, { app, make }: Calls): void => {
  t.test('jobs', async (t) => {
    const created = await app.inject({ method: 'POST', url: '/orders', payload: ORDER });
    const { location } = created.headers;
    const history = `/orders/${created.json().order_id}/history`;
    for (const row of [
      ['GET /jobs/{id}', 200, { url: String(location) }],
      ['GET /jobs/{id}', 400, { url: `${location}&version=x` }],
      ['GET /jobs', 200, { url: '/jobs' }],
      ['GET /jobs', 400, { url: '/jobs?limit=0' }],
      ['GET /orders/{id}/history', 200, { url: history }],
      ['GET /orders/{id}/history', 400, { url: `${history}?limit=0` }],
      ['GET /orders/{id}/history', 404, { url: '/orders/1/history' }],
      ['GET /orders/{id}/events', 200, { method: 'HEAD', url: history.replace('history', 'events') }],
      ['GET /orders/{id}/events', 404, { url: '/orders/1/events' }],
      ['GET /events', 200, { method: 'HEAD', url: '/events' }],
      ['GET /events', 400, { url: '/events?type=x' }],
      ['GET /jobs/{id}/events', 400, { url: String(location).replace('?', '/events?').replace(/\d+$/, 'x') }],
      ...malformed('GET /jobs/{id}/events', '/jobs/none/events'),
      ...malformed('GET /orders/{id}/events', history.replace('history', 'events')),
      ...malformed('GET /events', '/events'),
      ...malformed('GET /jobs/{id}', '/jobs/none'),
      ...malformed('GET /jobs', '/jobs'),
      ...malformed('GET /orders/{id}/history', history),
    ] as Row[])
      await make(t, app, row);
  });

  t.test('a job that nobody knows, where nothing waits', async (t) => {
    const idle = await startReadyApp(t, await isolatedEnvironment());
    await make(t, idle, ['GET /jobs/{id}', 404, { url: '/jobs/none' }]);
    await make(t, idle, ['GET /jobs/{id}/events', 404, { url: '/jobs/none/events' }]);
    const silent = await startReadyApp(t, await isolatedEnvironment({ HISTORY_DAYS: '0' }));
    await make(t, silent, ['GET /events', 404, { url: '/events' }]);
    await make(t, silent, ['GET /jobs', 404, { url: '/jobs?state=queued' }]);
  });
};
