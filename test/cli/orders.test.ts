/** `npx orders`: the whole command line, from the build, against one service. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { until } from '../../testbed/until.ts';
import { onTerminal, runCommand, startCommand } from '../helpers/command.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess, startService } from '../helpers/processes.ts';

const PATIENCE_MS = 60_000;
const port = String(await freePort());
const nowhere = await freePort();
const service = await isolatedEnvironment({
  PORT: port,
  API_WORKERS: '1',
  MAX_ATTEMPTS: '1',
  ADMIN_PASSWORD: 'sésame 🔑',
});
await startService(t, service);
await startProcess(t, 'hub', service).says('leads');
/** All that a client elsewhere has. */
const env = { ORDERS_URL: `http://127.0.0.1:${port}/`, ADMIN_PASSWORD: service.ADMIN_PASSWORD };
const run = (...args: string[]) => runCommand(t, env, ...args);
const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await run(...args, '--output', 'json');
  t.strictSame([code, stderr], [0, ''], args.join(' '));
  return JSON.parse(stdout);
};
const lines = (text: string) => text.trimEnd().split('\n');

await t.test('orders and their jobs', async (t) => {
  const item = ['--item', 'Tea=2', '--item', 'a=b=2147483647'];
  const made = await json('create', '--customer', 'Zoë 李雷', ...item, '--wait');
  t.match(made, { job_type: 'create_order', status: 'succeeded', attempts: 1 });
  const id = made.order_id;
  const got = await run('get', id, '-o', 'jsonl');
  t.equal(
    got.stdout,
    `{"order_id":"${id}","customer_name":"Zoë 李雷","status":"received","items":[{"name":"Tea","quantity":2},{"name":"a=b","quantity":2147483647}]}\n`,
  );
  const large = await run('create', '--customer', 'Ada', '--item', 'Tea=9007199254740993');
  t.match(large, { code: 2, stdout: '', stderr: '2147483647, got "9007199254740993".\n' });

  const set = await json('set', id, 'on its way');
  t.match(set, { order_id: id, status: 'queued' });
  t.match(await run('jobs', 'wait', `${env.ORDERS_URL}${set.link.slice(1)}`), {
    code: 0,
    stdout: /^status {7}succeeded$/m,
  });
  t.match(await json('jobs', 'get', set.job_id), { job_id: set.job_id, status: 'succeeded' });
  await until('the hub has told it', async () => (await run('history', id)).stderr === '', PATIENCE_MS);
  t.strictSame(
    (await json('history', id)).map(({ job_type }: { job_type: string }) => job_type),
    ['update_order_status', 'create_order'],
  );
  t.match(await run('get', 'nobody'), { code: 1, stdout: '', stderr: "Order with ID 'nobody' not found.\n" });
});

await t.test('many orders from a file, and pages of them', async (t) => {
  const order = (name: string) =>
    JSON.stringify({ customer_name: name, items: [{ name: 'Tea', quantity: 1 }] });
  const file = join(t.testdir(), 'orders.ndjson');
  writeFileSync(file, [...Array.from({ length: 1_200 }, (_, i) => order(`Ada ${i}`)), '{', ''].join('\n'));
  const made = await run('create', '--file', file, '-o', 'jsonl');
  t.equal(made.code, 1);
  t.equal(made.stderr, '1 of the orders were refused.\n');
  t.equal(lines(made.stdout).length, 1_201);
  t.match(JSON.parse(lines(made.stdout).at(-1) ?? ''), { code: 'invalid_input' });
  const piped = startCommand(t, env, ['create', '-f', '-', '-o', 'json'], `[${order('Bob')}]`);
  t.match(JSON.parse((await piped.ended).stdout), [{ status: 'queued' }]);
  const all = () => json('list', '--all', '--customer', 'Ada ');
  await until('they are listed', async () => (await all()).length === 1_200, PATIENCE_MS);
  t.equal(new Set((await all()).map((one: { order_id: string }) => one.order_id)).size, 1_200);

  const table = await run('list', '--limit', '2');
  t.equal(table.stderr, 'There are more: --all shows all of them.\n');
  t.match(lines(table.stdout), [
    /^ORDER {33}STATUS {4}CUSTOMER {2}ITEMS$/,
    /received {2}Bob/,
    /Ada 1199 {2}1 × Tea$/,
  ]);
  t.equal((await json('list', '--customer', 'nobody')).length, 0);
  const head = startCommand(t, env, ['list', '--all', '-o', 'jsonl']);
  head.child.stdout?.destroy();
  t.match(await head.ended, { code: 0, stderr: '' }, 'its reader has gone');
});

await t.test('dead letters', async (t) => {
  const unknown = [randomUUID(), randomUUID(), randomUUID()];
  for (const [i, id] of unknown.entries()) {
    const { code, stderr } = await run('set', id, i === 0 ? '\u001b[2J' : 'x', '--wait');
    t.match([code, stderr], [6, 'The job is dead (order_not_found: ']);
  }
  const list = await json('dead', 'list');
  t.strictSame(
    list.map((letter: { order_id: string }) => letter.order_id),
    unknown,
  );
  const [first, second, third] = list.map((letter: { job_id: string }) => letter.job_id);
  t.match(await run('dead', 'list', '--limit', '1'), {
    code: 0,
    stdout: new RegExp(`^JOB .*\n${first} .*order_not_found: .*\n$`),
    stderr: 'There are 2 more: --all shows all of them.\n',
  });
  t.match((await run('dead', 'show', first)).stdout, '"status":"\\u001b[2J"');
  t.match(await run('dead', 'show', 'x'), { code: 1, stderr: 'There is no dead letter of the job x.\n' });
  t.match(await json('dead', 'replay', first), { replayed: 1 });
  await until('it is dead again', async () => (await json('dead', 'list')).length === 3, PATIENCE_MS);
  for (const args of [
    ['dead', 'discard'],
    ['dead', 'replay', '--all', first],
    ['dead', 'discard', first],
  ])
    t.match(await run(...args), { code: 2, stdout: '' }, args.join(' '));
  t.match(await run('dead', 'discard', second, '--yes'), { code: 0, stdout: 'Discarded 1 dead letters.\n' });
  const asked = await onTerminal(t, env, ['dead', 'discard', '--all'], 'y\n');
  t.match(asked, { code: 0, output: 'Discard all 2 dead letters? Their writes are lost then. [y/N] ' });
  t.match(asked.output, 'Discarded 2 dead letters.');
  t.match(await run('jobs', 'wait', third), { code: 1, stderr: 'The job is discarded (order_not_found: ' });
  t.strictSame(await json('dead', 'list'), []);
});

await t.test('what happens, as it happens', async (t) => {
  const tail = startCommand(t, env, ['events', 'tail', '--output', 'json']);
  const watch = startCommand(t, env, ['watch', '--interval', '0.5', '-o', 'jsonl']);
  const heard = () =>
    lines(tail.said.stdout)
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  // The reading of the stream begins with the first listener.
  await until(
    'it is told',
    async () => {
      await run('create', '--customer', 'Eve', '--item', 'Tea');
      const { stdout } = watch.said;
      return heard().length > 0 && /"applied_per_second":[1-9]/.test(stdout) && /"waiting":\d/.test(stdout);
    },
    PATIENCE_MS,
  );
  t.match(heard()[0], { job_type: 'create_order', status: 'succeeded' });
  const [seen] = lines(watch.said.stdout).map((line) => JSON.parse(line));
  t.match(seen, { status: 'ready', accepting: 'yes', applying: 'yes', mysql: { ok: true }, failed: 0 });
  for (const { child, ended } of [tail, watch]) {
    child.kill('SIGINT');
    t.match(await ended, { code: 0, stderr: '' });
  }
  const { job_id } = heard()[0];
  t.match(await run('events', 'tail', '--job', job_id), {
    code: 0,
    stdout: `succeeded   create_order         ${job_id}`,
  });
});

await t.test('whether it keeps up', async (t) => {
  const told = { waiting: 0, oldest_ms: Number, total_dead_letters: 0, hub_lag_ms: Number, consumers: 1 };
  t.match(await json('status'), { ...told, accepted_per_second: Number, applied_per_second: Number });
  const untold = await runCommand(t, { ORDERS_URL: env.ORDERS_URL }, 'status');
  t.match(untold, { code: 0, stdout: /^waiting +-$/m, stderr: 'ADMIN_PASSWORD is not set' });
});

await t.test('on a terminal', async (t) => {
  const status = await onTerminal(t, env, ['status']);
  t.match(status, { code: 0, output: '\u001b[32mready\u001b[39m' });
  const plain = await onTerminal(t, { ...env, NO_COLOR: '1' }, ['list', '-n', '3']);
  t.notMatch(plain.output, '\u001b');
  t.ok(
    lines(plain.output).every((line) => line.trimEnd().length <= 90),
    plain.output,
  );
  const [{ order_id }] = await json('list', '-n', '1');
  const refused = await onTerminal(t, env, ['rm', order_id], 'n\n');
  t.match(refused, { code: 1, output: `Delete order ${order_id}?` });
  t.match(await run('rm', order_id), { code: 2, stderr: 'there is no terminal to ask on' });
  t.match(await json('rm', order_id, '--yes', '--wait'), { job_type: 'delete_order', status: 'succeeded' });
});

await t.test('load', async (t) => {
  const load = (...args: string[]) => run('load', '--users', '8', '--spawn-rate', '50', ...args);
  const right = await load('--time', '4s', '--output', 'json', '--html', 'report.html');
  const wrong = await load('--time', '1s', '--host', `${env.ORDERS_URL}x`);
  t.equal(right.code, 0, right.stderr);
  const { kinds, failures, seconds } = JSON.parse(right.stdout);
  t.strictSame(failures, []);
  // By a clock of its own.
  t.ok(seconds >= 3.9, `${seconds}`);
  const made = kinds.find(({ method }: { method: string }) => method === 'POST');
  t.ok(made.requests >= 8, 'each user begins with an order');
  t.ok(kinds.at(-1).requests > made.requests, 'and goes on');
  t.match(wrong, {
    code: 1,
    stdout: /# occurrences.*expected 202, got 404/s,
    stderr: /\d+ requests failed\.\n$/,
  });
  t.match(await run('load', '--host', 'http://192.0.2.1'), { code: 2, stderr: 'is not this machine' });
});

await t.test('what goes wrong is one sentence and its exit code', async (t) => {
  const away = { ...env, ORDERS_URL: `http://127.0.0.1:${nowhere}` };
  const other = { ...env, ADMIN_PASSWORD: 'other' };
  const late = ['jobs', 'wait', '--timeout', '0'];
  const cases: [env: NodeJS.ProcessEnv, args: string[], code: number, stderr: string | RegExp][] = [
    [env, ['lst'], 2, 'Did you mean list?'],
    [env, ['list', '--limit', '0'], 2, 'Expected an integer from 1 to '],
    [env, ['list', '--url', 'ftp://x'], 2, 'Expected a URL such as '],
    [{ ORDERS_URL: 'x' }, ['list'], 1, 'ORDERS_URL must be a URL such as '],
    [env, ['create'], 2, 'An order needs --customer'],
    [other, ['reset', '--yes'], 4, 'was started with another ADMIN_PASSWORD'],
    [{ ORDERS_URL: env.ORDERS_URL }, ['dead', 'list'], 4, 'ADMIN_PASSWORD is not set'],
    [away, ['get', 'x'], 5, /^The API does not answer at http:\/\/127\.0\.0\.1:\d+: start it with .*\.\n$/],
    [away, ['events', 'tail'], 5, 'The API does not answer at '],
    [{ ...env, ORDERS_URL: `${env.ORDERS_URL}x/` }, ['get', 'x'], 1, 'There is no GET /x/orders/x here.'],
  ];
  for (const [given, args, code, stderr] of cases) {
    const ended = await runCommand(t, given, ...args);
    t.match(ended, { code, stdout: '', stderr }, args.join(' '));
  }
  t.match(await run(...late, randomUUID()), { code: 1 }, 'there is no such job');
  t.match(await run('help', 'exit-codes'), { code: 0, stdout: /^ +7 {2}the wait is over/m });
});
