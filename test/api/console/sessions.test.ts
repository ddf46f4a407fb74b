/** Sessions of the console, and how often passwords may be tried: without any server. */
import t from 'tap';
import { createAttempts } from '../../../api/console/attempts.ts';
import { requireSameOrigin } from '../../../api/console/guard.ts';
import { createLatencies } from '../../../api/console/latencies.ts';
import { createRate } from '../../../api/console/rate.ts';
import { createSessions } from '../../../api/console/sessions.ts';
import { loadConfig } from '../../../process/config.ts';

const NOW = Date.UTC(2026, 0, 31);
const HOUR_MS = 3_600_000;
const opened = (env: NodeJS.ProcessEnv, now = () => NOW) =>
  createSessions(loadConfig({ DATABASE_URL: 'mysql://a@b/c', ...env }), now);
const both = { ADMIN_PASSWORD: 'sesame', CONSOLE_READ_PASSWORD: 'look' };

t.test('a session is known in every process, until it is over', async (t) => {
  const begun = await opened(both).begin('sesame');
  t.match(begun, { role: 'admin', expiresAt: NOW + 12 * HOUR_MS });
  const cookie = `other=1; orders_console=${begun?.value}`;
  t.match(await opened(both).find(cookie), { role: 'admin' });
  t.match(await opened(both).find(`orders_console=stale; ${cookie}`), { role: 'admin' }, 'one of several');
  const later = (hours: number) => opened(both, () => NOW + hours * HOUR_MS).find(cookie);
  t.ok(await later(11.9));
  t.notOk(await later(12));
  t.match(await opened(both).begin('look'), { role: 'reader' });
});

t.test('another password ends it, and nobody can make one', async (t) => {
  const { value = '' } = (await opened(both).begin('look')) ?? {};
  const find = (text: string, env: NodeJS.ProcessEnv = both) => opened(env).find(`orders_console=${text}`);
  t.ok(await find(value));
  t.notOk(await find(value, { ...both, CONSOLE_READ_PASSWORD: 'other' }));
  t.notOk(await find(value, { ADMIN_PASSWORD: 'sesame' }), 'nobody may look only');
  t.ok(await find(value, { ...both, ADMIN_PASSWORD: 'other' }), 'the other one is not concerned');
  const [, expiry, code] = value.split('.');
  for (const forged of [
    value.replace('reader', 'admin'),
    `reader.${Number(expiry) + 1}.${code}`,
    `reader.${expiry}.${'A'.repeat(43)}`,
    `reader.${expiry}.`,
    `root.${expiry}.${code}`,
    '',
  ])
    t.notOk(await find(forged), forged);
});

t.test('passwords that are none', async (t) => {
  for (const password of ['', 'Sesame', 'sesame ', 'look\0']) t.notOk(await opened(both).begin(password));
  const none = opened({});
  t.notOk(await none.begin(''));
  t.notOk(await none.isOpen());
  t.ok(await opened({ CONSOLE_READ_PASSWORD: 'look' }).isOpen());
  t.throws(() => opened({ ADMIN_PASSWORD: 'same', CONSOLE_READ_PASSWORD: 'same' }), {
    message: /^CONSOLE_READ_PASSWORD must be another one than ADMIN_PASSWORD/,
  });
});

t.test('the cookie is out of reach of scripts and other sites', async (t) => {
  const sessions = opened(both);
  t.match(sessions.cookie('x', false), /^orders_console=x; Max-Age=43200; HttpOnly; SameSite=Strict$/);
  t.match(sessions.cookie('x', true), /; Secure$/);
  t.match(sessions.noCookie(false), /^orders_console=; Max-Age=0; /);
});

t.test('wrong passwords are limited', async (t) => {
  let now = 0;
  const attempts = createAttempts(() => now);
  const tries = (address: string, times: number) =>
    Array.from({ length: times }, () => attempts.take(address));
  t.strictSame(tries('a', 7), [0, 0, 0, 0, 0, 10, 10]);
  t.equal(attempts.take('b'), 0, 'another address');
  now += 10_000;
  t.strictSame(tries('a', 2), [0, 10]);
  attempts.forgive('a');
  t.equal(attempts.take('a'), 0, 'the password was right');
  const others = Array.from({ length: 2_000 }, (_, at) => attempts.take(`c${at}`));
  t.ok(
    others.slice(60).every((wait) => wait > 0),
    'all together are limited too',
  );
});

t.test('which requests another page can have made', async (t) => {
  const isOwn = (method: string, headers: Record<string, string>): boolean => {
    try {
      requireSameOrigin({ method, headers: { host: 'orders.example:8080', ...headers } } as never);
      return true;
    } catch {
      return false;
    }
  };
  for (const [method, headers, expected] of [
    ['POST', { 'sec-fetch-site': 'same-origin' }, true],
    ['POST', { 'sec-fetch-site': 'same-origin', origin: 'https://outside.example' }, true],
    ['POST', { 'sec-fetch-site': 'same-site', origin: 'http://orders.example:8080' }, false],
    ['POST', { 'sec-fetch-site': 'cross-site' }, false],
    ['GET', { 'sec-fetch-site': 'cross-site' }, false],
    ['GET', { 'sec-fetch-site': 'none' }, true],
    ['POST', { 'sec-fetch-site': 'none' }, false],
    ['POST', { origin: 'http://orders.example:8080' }, true],
    ['POST', { origin: 'https://ORDERS.example:8080' }, true],
    ['POST', { origin: 'http://orders.example' }, false],
    ['POST', { origin: 'null' }, false],
    ['POST', {}, true],
  ] as const)
    t.equal(isOwn(method, headers), expected, `${method} ${JSON.stringify(headers)}`);
});

t.test('percentiles and rates', async (t) => {
  const latencies = createLatencies();
  t.equal(latencies.percentile(0.5), null);
  for (let ms = 1; ms <= 1_000; ms++) latencies.add(ms);
  for (const [part, ms] of [
    [0.5, 500],
    [0.99, 990],
    [1, 1_000],
  ] as const) {
    const found = latencies.percentile(part) ?? 0;
    t.ok(Math.abs(found - ms) <= 0.04 * ms, `${part}: ${found}`);
  }
  latencies.add(-5);
  latencies.add(Number.MAX_SAFE_INTEGER);
  t.equal(latencies.count(), 1_002);

  const rate = createRate();
  t.strictSame(
    [10, 0, 20, 0, 0, 0].map((count) => rate.add(count, 1_000)),
    [10, 5, 10, 6.7, 6.7, 0],
  );
});
