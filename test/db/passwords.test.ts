/** Passwords of MySQL that change while a process runs: in a file, and tokens that a command prints. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import t, { type Test } from 'tap';
import { openDatabase } from '../../db/client.ts';
import { reasonOf } from '../../db/errors.ts';
import { migrateDatabase } from '../../db/migrate.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { type Observer, observers } from '../../process/observer.ts';
import { beginRenewals } from '../../process/renewals.ts';
import { until } from '../../testbed/until.ts';
import { startClearPasswordProxy } from '../helpers/clear-password.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startOwnMysql } from '../helpers/mysql.ts';

const server = await startOwnMysql(t);
const { DB_PASS: _, ...env } = await isolatedEnvironment(server.env);
const folder = t.testdir();
const file = join(folder, 'password');

const listening = () => {
  const told: string[] = [];
  const observer: Observer = observers(unobserved, {
    passwordRenewed: ({ setting }) => told.push(`${setting} renewed`),
    passwordNotRenewed: ({ reason }) => told.push(reason),
  });
  return { told, observer };
};
const open = async (t: Test, more: NodeJS.ProcessEnv, observer: Observer = unobserved) => {
  const config = loadConfig({ ...env, PATH: process.env.PATH, ...more }).mysql;
  await beginRenewals([config], observer);
  const database = openDatabase(config, observer, { connections: 2 });
  t.teardown(() => database.close());
  const answers = () => database.ping().then(() => 'yes', reasonOf);
  const aloneAnswers = () =>
    database.alone((alone) => alone.execute(sql`select 1`)).then(() => 'yes', reasonOf);
  return { config, answers, aloneAnswers };
};
const denied = /^Access denied for user 'service'/;
const setPassword = (password: string) =>
  server.rows(`ALTER USER ${server.account} IDENTIFIED BY '${password}'`);

t.test('a password in a file is read again when it is refused', async (t) => {
  writeFileSync(file, 'service\n');
  const { told, observer } = listening();
  const { config, answers, aloneAnswers } = await open(t, { DB_PASS_FILE: file }, observer);
  t.equal(await answers(), 'yes');

  await setPassword('second');
  t.equal(await answers(), 'yes', 'who is connected stays so');
  t.match(await aloneAnswers(), denied);
  t.equal(await answers(), 'yes', 'also when a new connection is refused');
  writeFileSync(file, 'second\n');
  await until('a connection of its own is made', async () => (await aloneAnswers()) === 'yes');

  await setPassword('third');
  writeFileSync(file, 'third');
  await until('a second has passed', async () => {
    await server.cut();
    return (await answers()) === 'yes';
  });
  await setPassword('fourth');
  writeFileSync(file, 'fourth');
  await until('a migration connects', () =>
    migrateDatabase(config, { waitMs: 0 }).then(
      () => true,
      () => false,
    ),
  );

  await setPassword('fifth');
  rmSync(file);
  await server.cut();
  await until('the file is missed', async () => denied.test(await answers()) && told.length === 4, 30_000);
  writeFileSync(file, 'fifth');
  await until('it is back', async () => (await answers()) === 'yes');
  t.strictSame(told, [
    ...Array(3).fill('DB_PASS renewed'),
    'DB_PASS_FILE must be the path of a file with DB_PASS as its only line, but that is not there.',
    'DB_PASS renewed',
  ]);
});

t.test('at the moment of the change no statement fails', async (t) => {
  await setPassword('one');
  writeFileSync(file, 'one');
  const { answers, aloneAnswers } = await open(t, { DB_PASS_FILE: file });
  t.equal(await answers(), 'yes');
  await setPassword('two');
  writeFileSync(file, 'two');
  await server.cut();
  await until('the cut is noticed', async () => (await answers()) === 'yes');
  t.strictSame(await Promise.all([answers(), answers(), answers(), aloneAnswers()]), Array(4).fill('yes'));
});

t.test('a URL in a file: another account', async (t) => {
  const url = (account: string) => `mysql://${account}@127.0.0.1:${env.DB_PORT}/${env.DB_NAME}`;
  await server.rows(`CREATE USER 'other'@'%' IDENTIFIED BY 'p@w'`);
  await server.rows(`GRANT ALL ON ${server.database}.* TO 'other'@'%'`);
  await setPassword('three');
  writeFileSync(file, url('service:three'));
  const { answers } = await open(t, { DB_HOST: '', DATABASE_URL_FILE: file });
  t.equal(await answers(), 'yes');
  await setPassword('four');
  writeFileSync(file, url('other:p%40w'));
  await server.cut();
  await until('it logs in as the other', async () => (await answers()) === 'yes');
  const users = await server.rows(
    `SELECT user FROM information_schema.processlist WHERE db = '${server.database}'`,
  );
  t.ok(users.some(({ user }) => user === 'other'));
});

const openssl = (command: string) =>
  execFileSync('openssl', command.split(' '), { cwd: folder, stdio: 'ignore' });
openssl(
  'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem',
);
const tls = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) };
/** Prints a new token each time: how often it ran by now. */
const COMMAND = `sh -c 'echo >>runs; n=$(wc -l <runs); printf "{\\"password\\": \\"token%s\\", \\"expires_in\\": %s}" $n $LIFETIME' `;

t.test('tokens that a command prints, in clear text over TLS', async (t) => {
  await server.rows(`ALTER USER ${server.account} IDENTIFIED BY ''`);
  let valid = 1;
  const proxy = await startClearPasswordProxy(
    t,
    Number(env.DB_PORT),
    tls,
    (token) => token === `token${valid}`,
  );
  const { told, observer } = listening();
  const secure = { DB_HOST: 'localhost', DB_PORT: String(proxy.port), DB_USE_SSL: 'true' };
  const token = (runs: string, LIFETIME: string) => ({
    ...secure,
    NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem'),
    DB_PASS_COMMAND: COMMAND.replaceAll('runs', runs),
    LIFETIME,
  });
  const runs = join(folder, 'runs');
  const { answers, aloneAnswers } = await open(t, token(runs, '4'), observer);
  t.equal(await answers(), 'yes');
  t.equal(await aloneAnswers(), 'yes');
  const renewed = () => readFileSync(runs, 'utf8').length;
  for (const next of [2, 3]) {
    await until('there is a new token', () => renewed() >= next && told.length >= next);
    valid = renewed();
    proxy.cut();
    await until('it is used', async () => (await answers()) === 'yes');
  }
  t.ok(
    proxy.told.every((password) => /^token\d+$/.test(password)),
    `${proxy.told}`,
  );
  t.strictSame(new Set(told), new Set(['DB_PASS_COMMAND renewed']));

  valid = 1;
  const refused = await open(t, token(join(folder, 'other-runs'), '3600'));
  t.equal(await refused.answers(), 'yes');
  valid = 2;
  proxy.cut();
  const isRenewed = async () => (await refused.answers()) === 'yes';
  await until('a token that is refused is renewed before its time is over', isRenewed, 30_000);
});

t.test('no password is sent in clear text without TLS', async (t) => {
  const proxy = await startClearPasswordProxy(t, Number(env.DB_PORT), undefined, () => true);
  const { answers } = await open(t, { DB_PORT: String(proxy.port), DB_PASS: 'hunter2' });
  t.equal(
    await answers(),
    `MySQL at 127.0.0.1:${proxy.port} wants the password in clear text, which is sent over TLS only: set DB_USE_SSL=true.`,
  );
  t.strictSame(proxy.told, []);
});
