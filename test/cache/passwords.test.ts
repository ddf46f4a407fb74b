/** Passwords of Redis that change while a process runs: in a file, and tokens that a command prints. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { openCache } from '../../cache/cache.ts';
import { freePort } from '../../ops/ports.ts';
import { startRedis, stopServer } from '../../ops/private-servers.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { beginRenewals } from '../../process/renewals.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

const folder = scratchFolder(t, stopServer);
const port = await freePort();
await startRedis({ folder, port });
const admin = new Redis({ port });
t.teardown(() => admin.disconnect());
const setPassword = (password: string) =>
  admin.call('ACL', 'SETUSER', 'orders', 'on', 'resetpass', `>${password}`, '~*', '+@all');
/** Redis keeps a connection whose password is changed. */
const cut = () => admin.client('KILL', 'USER', 'orders');
const file = join(t.testdir(), 'password');
const env = await isolatedEnvironment({
  REDIS_URL: `redis://127.0.0.1:${port}/0`,
});

const open = async (t: Test, more: NodeJS.ProcessEnv) => {
  const config = loadConfig({ ...env, REDIS_USERNAME: 'orders', ...more });
  await beginRenewals([config.redis], unobserved);
  const cache = openCache(config, unobserved);
  t.teardown(() => cache.close());
  const serves = async () => (await cache.time()) !== null;
  await until('Redis is reached', serves, 30_000);
  return { cache, serves };
};

t.test('a password in a file is read again when it is refused', async (t) => {
  await setPassword('first');
  writeFileSync(file, 'first\n');
  const { cache, serves } = await open(t, { REDIS_PASSWORD_FILE: file });
  let live = false;
  const reading = cache.feed.read({
    entry: () => {},
    gap: () => {},
    live: (isLive) => {
      live = isLive;
    },
  });
  t.teardown(() => reading.close());
  await until('the stream is read', () => live);
  for (const password of ['second', 'third']) {
    await setPassword(password);
    await cut();
    await until('it is out', async () => !(await serves()));
    const why = () =>
      cache.ping().then(
        () => '',
        (error) => error.message,
      );
    await until('it says why', async () => /^WRONGPASS/.test(await why()));
    writeFileSync(file, password);
    await until('it serves again', serves, 30_000);
    await until('the stream is read again', () => live, 30_000);
    t.match(await cache.pending.find('unknown'), undefined);
  }
});

t.test('a command that gives no password at first', async (t) => {
  await setPassword('late');
  writeFileSync(file, '');
  const opening = open(t, { REDIS_PASSWORD_COMMAND: `cat ${file}` });
  const told: string[] = [];
  const config = loadConfig({ ...env, REDIS_USERNAME: 'orders', REDIS_PASSWORD_COMMAND: `cat ${file}` });
  await beginRenewals([config.redis], {
    passwordRenewed: () => told.push('renewed'),
    passwordNotRenewed: ({ reason }) => told.push(reason),
  });
  t.strictSame(told, ['REDIS_PASSWORD_COMMAND gives no password: its output is empty.']);
  writeFileSync(file, 'late');
  const { serves } = await opening;
  t.ok(await serves());
});

t.test('a token is told over connections that last longer than it', async (t) => {
  const statistic = async (section: string, pattern: RegExp) =>
    Number(pattern.exec(await admin.info(section))?.[1] ?? 0);
  const told = () => statistic('commandstats', /cmdstat_auth:calls=(\d+)/);
  const failed = () => statistic('commandstats', /cmdstat_auth:.*failed_calls=(\d+)/);
  const connected = () => statistic('stats', /total_connections_received:(\d+)/);
  await setPassword('token0');
  await admin.call('ACL', 'SETUSER', 'orders', ...Array.from({ length: 99 }, (_, i) => `>token${i + 1}`));
  writeFileSync(file, '');
  const print = `printf "{\\"password\\": \\"token$(wc -l <${file})\\", \\"expires_in\\": 1}"`;
  const command = `sh -c 'echo >>${file}; ${print}'`;
  const { serves } = await open(t, { REDIS_PASSWORD_COMMAND: command });
  const [before, connections] = [await told(), await connected()];
  await until('three tokens are told', async () => (await told()) >= before + 3, 30_000);
  t.equal(await connected(), connections, 'over the same connection');
  const failures = await failed();
  await setPassword('another');
  await until('one is refused', async () => (await failed()) > failures, 30_000);
  t.ok(await serves(), 'the connection stays as it is');
});
