/** Calls whose answers are compared with docs/openapi.json, and the application that most of them are made to. */
import type { InjectOptions } from 'fastify';
import type { Test } from 'tap';
import { type startApp, startReadyApp } from '../../helpers/app.ts';
import { answerChecker } from '../../helpers/documents.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';

export type App = Awaited<ReturnType<typeof startApp>>;
export type Call = InjectOptions & { url: string };
/** A call, and the status with which it is to be answered. */
export type Row = [operation: string, status: number, call: Call];

export const PROBLEM = { accept: 'application/problem+json' };
export const ADMIN = { 'x-admin-password': 'sesame' };
/** The id of no order. */
export const NONE = '00000000-0000-7000-8000-000000000001';
export const ORDER = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
/** A body that is too large for any call but a batch. */
export const big = (body: object) => ({ ...body, padding: 'x'.repeat(2 ** 20) });

/** Starts the application, which ends with the test. @returns it, what makes calls, and which answers were seen */
export const openCalls = async (t: Test) => {
  const env = await isolatedEnvironment({ ADMIN_PASSWORD: 'sesame' });
  const app = await startReadyApp(t, env);
  const { check, seen, document } = answerChecker();

  /** Makes a call, and if it fails once more as a client that wants problems. */
  const make = async (t: Test, on: App, [operation, status, call]: Row) => {
    const method = operation.split(' ')[0] as 'GET';
    const answer = await on.inject({ method, ...call });
    t.equal(answer.statusCode, status, `${operation} ${call.url}: ${answer.body}`);
    check(t, operation, answer);
    if (status >= 400) {
      const problem = await on.inject({ method, ...call, headers: { ...call.headers, ...PROBLEM } });
      check(t, operation, problem);
      if (!operation.startsWith('GET /health')) {
        t.match(problem.headers['content-type'], /^application\/problem\+json;/, operation);
        t.match(problem.headers.vary, /(^|, )accept$/);
        const { error, code } = answer.json();
        t.match(problem.json(), { status, code, type: `/docs#error-${code}` });
        // Seconds, or a number of orders, may differ.
        t.equal(problem.json().detail.length, error.length);
      }
    }
    return answer;
  };
  return { env, app, make, check, seen, document };
};
export type Calls = Awaited<ReturnType<typeof openCalls>>;

/** What anybody may send to any call. */
export const malformed = (operation: string, url: string): Row[] => [
  [operation, 400, { url: `${url}?%ff`, headers: ADMIN }],
  [
    operation,
    415,
    {
      url,
      headers: { ...ADMIN, 'content-type': 'application/json', 'content-encoding': 'gzip' },
      payload: '{}',
    },
  ],
];
