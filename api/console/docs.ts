/** What the documentation says of /console. */
import { adminDocs } from '../admin/docs.ts';
import { page } from '../docs/docs.ts';
import type { Operation, Operations } from '../docs/operation.ts';

const session = { role: 'admin', expires_at: '2026-01-31T20:00:00.000Z' };
const well = { ok: true, ms: 2.2 };
const overview = {
  samples: [
    {
      at: 1764442800000,
      accepted: 412,
      applied: 409.3,
      p50_ms: 412,
      p99_ms: 730,
      waiting: 128,
      delayed: 0,
      dead: 2,
      oldest_ms: 310,
      hub_lag_ms: 12,
      consumers: 4,
    },
  ],
  health: { accepting: 'yes', reading: 'yes', applying: 'yes', mysql: well, rabbitmq: well, redis: well },
};

const capital = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
/** The calls of /admin, for who has a session instead of the password. */
const doors = Object.entries(adminDocs).map(
  ([call, { admin: _, body, ...operation }]): [string, Operation] => {
    const [method, path] = call.split(' ');
    const { members: __, ...rest } = body ?? { example: undefined };
    return [
      `${method} /console/api${path}`,
      {
        ...operation,
        operationId: `console${capital(operation.operationId)}`,
        tag: 'console',
        summary: `${operation.summary}, with a session`,
        description: `What \`${call}\` does, for a session of the console.`,
        console: 'session',
        ...(body && { body: rest }),
      },
    ];
  },
);

export const consoleDocs: Operations = {
  'GET /console': page(
    'readConsole',
    'console',
    'A page for people who run the service',
    'What it shows comes from the calls of this group and from those that anybody may make.',
  ),
  'POST /console/api/session': {
    operationId: 'signIn',
    tag: 'console',
    summary: 'Begin a session',
    description:
      'The session is in a cookie that scripts cannot read and that no other site makes a browser send. It lasts twelve hours, and ends when the password is changed. With the `CONSOLE_READ_PASSWORD` it may only look.',
    console: 'open',
    body: { example: { password: 'open sesame' } },
    answers: {
      201: { description: 'It has begun.', headers: ['Set-Cookie', 'Cache-Control'], example: session },
    },
    errors: { 401: ['unauthorized'], 429: ['too_many_attempts'], 500: ['admin_password_not_set'] },
  },
  'GET /console/api/session': {
    operationId: 'readSession',
    tag: 'console',
    summary: 'Ask who is signed in',
    description: 'And until when. Both are `null` if nobody is.',
    console: 'open',
    answers: { 200: { description: 'The session.', headers: ['Cache-Control'], example: session } },
  },
  'DELETE /console/api/session': {
    operationId: 'signOut',
    tag: 'console',
    summary: 'End the session in this browser',
    description: 'The cookie is taken from the browser.',
    console: 'open',
    answers: {
      204: { description: 'It is over, or there was none.', headers: ['Set-Cookie', 'Cache-Control'] },
    },
  },
  'GET /console/api/overview': {
    operationId: 'followOverview',
    tag: 'console',
    summary: 'Follow how the service is doing',
    description:
      'As server-sent events: first the last minutes, as far as they are known, then a sample each second. What nobody can tell at the moment is `null`. It ends when the session does.',
    console: 'session',
    answers: {
      200: {
        description: 'The stream.',
        headers: ['Cache-Control'],
        type: 'text/event-stream',
        example: `data: ${JSON.stringify(overview)}\n\n`,
      },
    },
  },
  'GET /console/api/settings': {
    operationId: 'readSettings',
    tag: 'console',
    summary: 'Look at the settings in force',
    description: 'As this API process has read them. Of a secret it is said only whether it is set.',
    console: 'session',
    answers: {
      200: {
        description: 'All variables.',
        headers: ['Cache-Control'],
        example: {
          servers: {
            mysql: '127.0.0.1:3306/orders',
            redis: '127.0.0.1:6379/0',
            rabbitmq: '127.0.0.1:5672/order_write_jobs',
          },
          settings: [
            { name: 'MAX_ATTEMPTS', value: '5', default: '5', is_secret: false, is_set: false },
            { name: 'ADMIN_PASSWORD', value: null, default: null, is_secret: true, is_set: true },
          ],
        },
      },
    },
  },
  ...Object.fromEntries(doors),
};
