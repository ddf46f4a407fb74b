/** Passwords that commands print. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { askCommand, readPrinted, wordsOf } from '../../process/password-command.ts';
import { errorOf } from '../helpers/config.ts';

const LIFETIME_MS = 600_000;
const { PATH } = process.env;

t.test('a command is words, without a shell', async (t) => {
  const table: [command: string, words: string[]][] = [
    [
      'aws rds generate-db-auth-token --port 3306',
      ['aws', 'rds', 'generate-db-auth-token', '--port', '3306'],
    ],
    ['  /bin/token\t-x  ', ['/bin/token', '-x']],
    [`sh -c 'echo "a b" | cat'`, ['sh', '-c', 'echo "a b" | cat']],
    [`a "b c"'d e'f "" g`, ['a', 'b cd ef', '', 'g']],
    ['echo $HOME;x', ['echo', '$HOME;x']],
  ];
  for (const [command, words] of table) t.strictSame(wordsOf('X', command), words, command);
  const account = { DB_HOST: 'db', DB_USER: 'anna', DB_NAME: 'shop' };
  t.equal(
    errorOf({ ...account, DB_PASS_COMMAND: `print 'hunter2` }).message,
    'DB_PASS_COMMAND has a quote that does not end; its value is not shown.',
  );
  t.equal(
    errorOf({ ...account, DB_PASS_COMMAND: ' ' }).message,
    'DB_PASS_COMMAND must be a command that prints a password.',
  );
});

t.test('what it prints', async (t) => {
  const read = (text: string) => readPrinted(Buffer.from(text), LIFETIME_MS);
  const alone = { user: undefined, password: 'a b', lifetimeMs: LIFETIME_MS };
  t.strictSame(read('a b\n'), alone);
  t.strictSame(read('a b'), alone);
  t.strictSame(read('{"password": "a b", "engine": "mysql"}\n'), alone);
  t.strictSame(read('{\n "username": "anna",\n "password": "a b",\n "expires_in": 60.5\n}\n'), {
    user: 'anna',
    password: 'a b',
    lifetimeMs: 60_500,
  });
  const { lifetimeMs } = read(
    JSON.stringify({ password: 'x', expires_at: new Date(Date.now() + 60_000).toISOString() }),
  );
  t.ok(lifetimeMs > 50_000 && lifetimeMs <= 60_000, `${lifetimeMs}`);
  t.equal(read('{hunter2').password, '{hunter2', 'what only begins like JSON is a password');
  const refused: [output: string | Buffer, problem: string][] = [
    ['', 'is empty'],
    ['\n', 'is empty'],
    ['hunter2\nhunter2\n', 'has several lines'],
    [Buffer.from([0xff]), 'is no text in UTF-8'],
    ['{"token": "hunter2"}', 'is JSON without a text `password`'],
    ['{"password": 7}', 'is JSON without a text `password`'],
    ['{"password": "hunter2", "username": ""}', 'is JSON whose `username` is no text'],
    ['{"password": "hunter2", "expires_in": 0}', 'has an expires_in or expires_at that is no time to come'],
    [
      '{"password": "hunter2", "expires_in": "60"}',
      'has an expires_in or expires_at that is no time to come',
    ],
    [
      '{"password": "hunter2", "expires_at": "2020-01-01T00:00:00Z"}',
      'has an expires_in or expires_at that is no time to come',
    ],
    [
      '{"password": "hunter2", "expires_at": "soon"}',
      'has an expires_in or expires_at that is no time to come',
    ],
  ];
  for (const [output, message] of refused)
    t.throws(() => readPrinted(Buffer.from(output), LIFETIME_MS), { message }, String(output));
});

t.test('a command that fails', async (t) => {
  const folder = t.testdir();
  const script = (text: string) => ['sh', '-c', text];
  const ask = (words: string[], deadlineMs?: number) =>
    askCommand('DB_PASS_COMMAND', words, {
      env: { PATH, FOLDER: folder },
      lifetimeMs: LIFETIME_MS,
      deadlineMs,
    });
  t.match(await ask(script('echo $FOLDER')), { password: folder }, 'it has the environment that was given');
  const table: [words: string[], problem: string][] = [
    [['hunter2-is-no-program'], 'there is no such program'],
    [[folder], 'this user may not run that program'],
    [script('echo hunter2; echo hunter2 >&2; exit 3'), 'it ended with exit code 3'],
    [script('kill -TERM $$'), 'it was ended by SIGTERM'],
    [script('true'), 'its output is empty'],
    [script('yes hunter2'), 'its output has more than 65536 bytes'],
  ];
  for (const [words, problem] of table)
    await t.rejects(ask(words), { message: `DB_PASS_COMMAND gives no password: ${problem}.` }, problem);

  const child = join(folder, 'child');
  const started = performance.now();
  let turns = 0;
  const turning = setInterval(() => turns++, 5);
  await t.rejects(ask(script(`sh -c 'echo $$ >${child}; exec sleep 600' & wait`), 1_000), {
    message: 'DB_PASS_COMMAND gives no password: it did not end within 1 s.',
  });
  clearInterval(turning);
  t.ok(performance.now() - started < 10_000);
  t.ok(turns > 20, `other work goes on: ${turns}`);
  t.ok(existsSync(child));
  const isThere = () => {
    try {
      return readFileSync(`/proc/${readFileSync(child, 'utf8').trim()}/stat`, 'utf8').split(' ')[2] !== 'Z';
    } catch {
      return false;
    }
  };
  while (isThere()) await new Promise((resolve) => setTimeout(resolve, 20));
  t.pass('what it has started ends with it');
});
