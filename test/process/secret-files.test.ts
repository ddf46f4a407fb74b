/** Secrets in files that `NAME_FILE` names. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadConfig } from '../../process/config.ts';
import { overlaid } from '../../process/secret-files.ts';
import { DATABASE_URL, errorOf, load } from '../helpers/config.ts';

const four = { DB_HOST: 'db', DB_USER: 'anna', DB_PASS: 'pw', DB_NAME: 'shop' };

const writer = (t: Test) => {
  const folder = t.testdir();
  return (name: string, content: string | Buffer) => {
    const file = join(folder, name);
    writeFileSync(file, content);
    return file;
  };
};

t.test('every secret may be in a file', async (t) => {
  const write = writer(t);
  const table: [name: string, content: string, expected: object][] = [
    [
      'DATABASE_URL',
      'mysql://bob:p%40w@other/store',
      { mysql: { host: 'other', user: 'bob', password: 'p@w' } },
    ],
    ['REDIS_URL', 'redis://:pw@cache/3', { redis: { host: 'cache', password: 'pw', db: 3 } }],
    ['REDIS_PASSWORD', 'p w', { redis: { password: 'p w', username: undefined } }],
    ['RABBITMQ_USER', 'carl', { rabbitmq: { username: 'carl' } }],
    ['RABBITMQ_PASSWORD', ' p$w"#', { rabbitmq: { password: ' p$w"#' } }],
    ['ADMIN_PASSWORD', 'öffne', { api: { adminPassword: 'öffne' } }],
  ];
  for (const [name, content, expected] of table)
    for (const end of ['', '\n', '\r\n']) {
      const file = write(name, `${content}${end}`);
      const env = name === 'DATABASE_URL' ? {} : { DATABASE_URL };
      t.match(loadConfig({ ...env, [`${name}_FILE`]: file }), expected, `${name} ${JSON.stringify(end)}`);
    }
  const own = loadConfig({
    ...four,
    DB_PASS: '',
    DB_PASS_FILE: write('pass', 'secret\n'),
    DB_USER: undefined,
    DB_USER_FILE: write('user', 'bob\n'),
    REDIS_USERNAME_FILE: write('redis-user', 'carl'),
    REDIS_PASSWORD_FILE: write('redis-password', 'pw'),
  });
  t.match(own, { mysql: { user: 'bob', password: 'secret' }, redis: { username: 'carl', password: 'pw' } });
  t.strictSame(own.ignored, []);
  const url = { DATABASE_URL: 'mysql://anna@db/shop', DB_PASS_FILE: write('pass', 'secret\n') };
  t.match(
    loadConfig(url),
    { mysql: { user: 'anna', password: 'secret' }, ignored: [] },
    'beside a URL without one',
  );
});

t.test('what is no such file is refused with a sentence without the value', async (t) => {
  const write = writer(t);
  const folder = join(t.testdirName, 'folder');
  mkdirSync(folder);
  const pipe = join(t.testdirName, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const dangling = join(t.testdirName, 'dangling');
  symlinkSync('hunter2', dangling);
  const endless = {
    file: write('endless', 'hunter2\n'.repeat(10_000)),
    problem: 'has more than 65536 bytes',
  };
  const table: [file: string, problem: string][] = [
    ['hunter2', 'is not there'],
    [dangling, 'is not there'],
    [join(write('a file', 'hunter2'), 'hunter2'), 'is not there'],
    ['\0hunter2', 'cannot be read (ERR_INVALID_ARG_VALUE)'],
    ['x'.repeat(5_000), 'cannot be read (ENAMETOOLONG)'],
    [folder, 'is not a file'],
    [pipe, 'is not a file'],
    ['/dev/null', 'is not a file'],
    [write('empty', ''), 'is empty'],
    [write('newline', '\n'), 'is empty'],
    [write('blank', ' \t\n'), 'is empty'],
    [endless.file, endless.problem],
    [write('lines', 'hunter2\nhunter2\n'), 'has several lines'],
    [write('blank line', 'hunter2\n\n'), 'has several lines'],
    [write('zero', 'hunter2\0'), 'has a zero byte'],
    [write('bytes', Buffer.from([0x68, 0xff])), 'is no text in UTF-8'],
  ];
  for (const name of ['DB_PASS', 'ADMIN_PASSWORD', 'REDIS_URL'])
    for (const [file, problem] of table) {
      const { message } = errorOf({ ...four, [name]: undefined, [`${name}_FILE`]: file });
      t.equal(
        message,
        `${name}_FILE must be the path of a file with ${name} as its only line, but that ${problem}.`,
      );
    }
  // The content is judged as the variable's value is.
  t.match(errorOf({ DATABASE_URL, REDIS_URL_FILE: write('url', 'hunter2') }), {
    message: /^REDIS_URL must be a URL such as .*, got a value that is not shown\.$/,
  });
});

t.test('a file that its user may not read', { skip: process.getuid?.() === 0 }, async (t) => {
  const file = writer(t)('secret', 'hunter2');
  chmodSync(file, 0);
  t.match(errorOf({ ...four, DB_PASS: undefined, DB_PASS_FILE: file }), {
    message: /may not be read by this user/,
  });
});

t.test('a secret is set in one way', async (t) => {
  const file = writer(t)('secret', 'hunter2');
  const table: [env: NodeJS.ProcessEnv, names: string][] = [
    [{ ADMIN_PASSWORD: 'x', ADMIN_PASSWORD_FILE: file }, 'ADMIN_PASSWORD and ADMIN_PASSWORD_FILE'],
    [{ REDIS_PASSWORD: 'x', REDIS_PASSWORD_FILE: file }, 'REDIS_PASSWORD and REDIS_PASSWORD_FILE'],
    [{ DB_PASS: 'x', DB_PASS_COMMAND: 'hunter2' }, 'DB_PASS and DB_PASS_COMMAND'],
    [
      { RABBITMQ_PASSWORD_FILE: file, RABBITMQ_PASSWORD_COMMAND: 'hunter2' },
      'RABBITMQ_PASSWORD_FILE and RABBITMQ_PASSWORD_COMMAND',
    ],
    [{ DATABASE_URL, DATABASE_URL_FILE: file }, 'DATABASE_URL and DATABASE_URL_FILE'],
  ];
  for (const [env, names] of table)
    t.equal(errorOf({ DATABASE_URL, ...env }).message, `${names} are both set: keep one of them.`);
  for (const empty of [{ DB_PASS_FILE: '' }, { DB_PASS_COMMAND: '' }])
    t.equal(loadConfig({ ...four, ...empty }).mysql.password, 'pw', 'an empty one counts as absent');
  t.equal(
    errorOf({ DATABASE_URL, DB_PASS_COMMAND: 'x' }).message,
    'DATABASE_URL has a password beside DB_PASS_COMMAND: keep one of them.',
  );
  t.equal(
    errorOf({ DATABASE_URL, REDIS_URL: 'redis://:hunter2@cache', REDIS_PASSWORD_COMMAND: 'x' }).message,
    'REDIS_URL has a password beside REDIS_PASSWORD_COMMAND: keep one of them.',
  );
});

t.test('a variable of the environment wins over .env, whichever way it sets a secret', async (t) => {
  const dotenv = { DB_PASS: 'old', DB_USER: 'anna', ADMIN_PASSWORD_FILE: '/old', OTHER: 'x' };
  t.strictSame(overlaid(dotenv, { DB_PASS_FILE: '/new', ADMIN_PASSWORD: 'new' }), {
    DB_USER: 'anna',
    OTHER: 'x',
    DB_PASS_FILE: '/new',
    ADMIN_PASSWORD: 'new',
  });
  t.strictSame(overlaid(dotenv, { DB_PASS_COMMAND: 'x' }).DB_PASS, undefined);
  t.strictSame(overlaid(dotenv, { DB_PASS_FILE: '' }).DB_PASS, 'old', 'an empty one counts as absent');
});

t.test("Redis's account by variables of its own", async (t) => {
  const redis = (env: NodeJS.ProcessEnv) => load({ REDIS_URL: 'redis://cache', ...env }).redis;
  t.match(redis({ REDIS_USERNAME: 'anna', REDIS_PASSWORD: 'pw' }), { username: 'anna', password: 'pw' });
  t.match(redis({ REDIS_URL: 'redis://bob@cache', REDIS_PASSWORD: 'pw' }), {
    username: 'bob',
    password: 'pw',
  });
  t.match(redis({ REDIS_URL: 'redis://:x@cache', REDIS_USERNAME: 'anna' }), {
    username: 'anna',
    password: 'x',
  });
  const both = load({ REDIS_URL: 'redis://bob:x@cache', REDIS_USERNAME: 'anna', REDIS_PASSWORD: 'y' });
  t.match(both.redis, { username: 'bob', password: 'x' }, 'what the URL says wins');
  t.strictSame(both.ignored, [
    'REDIS_USERNAME beside that of REDIS_URL',
    'REDIS_PASSWORD beside that of REDIS_URL',
  ]);
  t.equal(
    errorOf({ DATABASE_URL, REDIS_USERNAME: 'anna' }).message,
    'REDIS_USERNAME is set without a password: set REDIS_PASSWORD too.',
  );
});
