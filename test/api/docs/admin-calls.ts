/** The calls of administrators, with the password or with a session of the console. */
import type { Test } from 'tap';
import { until } from '../../../testbed/until.ts';
import { startApp } from '../../helpers/app.ts';
import { openStores } from '../../helpers/stores.ts';
import { ADMIN, type App, big, type Calls, malformed, type Row } from './calls.ts';

type ConsoleCall = [
  operation: string,
  status: number,
  method: 'GET' | 'HEAD' | 'POST' | 'DELETE',
  payload?: object,
];
/** Signs in. @returns the header that says so */
export const signIn = async (on: App): Promise<{ cookie: string }> => {
  const url = '/console/api/session';
  const answer = await on.inject({ method: 'POST', url, payload: { password: 'sesame' } });
  return { cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '' };
};
/** The calls of /admin, for who has a session. */
export const doors: [operation: string, status: number, payload?: object][] = [
  ['POST /console/api/admin/seed', 201, { count: 1 }],
  ['POST /console/api/admin/reset', 200],
  ['GET /console/api/admin/dead-letters', 200],
  ['POST /console/api/admin/dead-letters/replay', 200, { job_ids: ['a'] }],
  ['POST /console/api/admin/dead-letters/discard', 200, { job_ids: ['a'] }],
];

export const testAdministration = (t: Test, { env, app, make }: Calls): void => {
  t.test('admin', async (t) => {
    const calls: [operation: string, url: string, payload?: object][] = [
      ['POST /admin/seed', '/admin/seed', { count: 1 }],
      ['POST /admin/reset', '/admin/reset'],
      ['GET /admin/dead-letters', '/admin/dead-letters'],
      ['POST /admin/dead-letters/replay', '/admin/dead-letters/replay', { job_ids: ['a'] }],
      ['POST /admin/dead-letters/discard', '/admin/dead-letters/discard', { job_ids: ['a'] }],
    ];
    const { publish, channel, queue } = await openStores(t, env);
    const without = await startApp(t, { ...env, ADMIN_PASSWORD: '' });
    for (const text of ['{"job_id":"a","type":"b"}', 'no \xff', '{}'])
      channel.sendToQueue(`${queue}.dead`, Buffer.from(text, 'latin1'), {
        persistent: true,
        messageId: 'a',
        headers: { 'x-attempts': 1, 'x-reason': 'b', 'x-error': 'c', 'x-queue': queue },
      });
    await channel.waitForConfirms();
    await publish('{}');
    for (const [operation, url, payload] of calls) {
      const call = { url, payload, headers: ADMIN };
      await make(t, app, [operation, operation === 'POST /admin/seed' ? 201 : 200, call]);
      await make(t, app, [operation, 401, { url, payload }]);
      await make(t, without, [operation, 500, call]);
      for (const row of malformed(operation, url)) await make(t, app, row);
      if (operation.startsWith('POST')) await make(t, app, [operation, 413, { ...call, payload: big({}) }]);
    }
    const rest = { url: '/admin/dead-letters/discard', payload: { password: 'sesame' } };
    await make(t, app, ['POST /admin/dead-letters/discard', 200, rest]);
    await make(t, app, ['POST /admin/seed', 400, { url: '/admin/seed', payload: {}, headers: ADMIN }]);
    const page = { url: '/admin/dead-letters?limit=0', headers: ADMIN };
    await make(t, app, ['GET /admin/dead-letters', 400, page]);
  });

  t.test('the console', async (t) => {
    const headers = await signIn(app);
    const other = { ...headers, 'sec-fetch-site': 'same-site' };
    const calls: ConsoleCall[] = [
      ['GET /console/api/session', 200, 'GET'],
      ['GET /console/api/settings', 200, 'GET'],
      ['GET /console/api/overview', 200, 'HEAD'],
      ['DELETE /console/api/session', 204, 'DELETE'],
      ...doors.map(
        ([operation, status, payload]) =>
          [operation, status, operation.startsWith('GET') ? 'GET' : 'POST', payload] as ConsoleCall,
      ),
    ];
    for (const [operation, status, method, payload] of calls) {
      const url = operation.split(' ')[1] ?? '';
      await make(t, app, [operation, status, { method, url, payload, headers }]);
      if (!operation.endsWith('/session')) await make(t, app, [operation, 401, { url, payload }]);
      await make(t, app, [operation, 403, { url, payload, headers: other }]);
      for (const row of malformed(operation, url)) await make(t, app, row);
      if (method !== 'GET' && method !== 'HEAD')
        await make(t, app, [operation, 413, { url, payload: big({}), headers }]);
    }
    const seed = { url: '/console/api/admin/seed', payload: {}, headers };
    await make(t, app, ['POST /console/api/admin/seed', 400, seed]);
    const page = { url: '/console/api/admin/dead-letters?limit=0', headers };
    await make(t, app, ['GET /console/api/admin/dead-letters', 400, page]);

    const operation = 'POST /console/api/session';
    const url = '/console/api/session';
    const wrong = { url, payload: { password: 'simsim' } };
    const without = await startApp(t, { ...env, ADMIN_PASSWORD: '' });
    for (const row of [
      [operation, 201, { url, payload: { password: 'sesame' } }],
      [operation, 400, { url, payload: {} }],
      [operation, 401, wrong],
      [operation, 403, { ...wrong, headers: { origin: 'http://elsewhere.example' } }],
      [operation, 413, { url, payload: big({}) }],
      ...malformed(operation, url),
    ] as Row[])
      await make(t, app, row);
    await make(t, without, [operation, 500, wrong]);
    await until(
      'there are too many tries',
      async () => (await app.inject({ method: 'POST', ...wrong })).statusCode === 429,
    );
    await make(t, app, [operation, 429, wrong]);
  });
};
