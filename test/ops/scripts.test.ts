/** start_services.sh and stop_services.sh, as people use them. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { commandLine } from '../../ops/processes.ts';
import { until } from '../../testbed/until.ts';
import { makeCheckout } from './checkout.ts';

const ownProcesses = ['hub.pid', 'server.pid', 'supervisor.pid', 'worker_1.pid', 'worker_2.pid'];
const backendProcesses = [
  'mysql/server.pid',
  'redis/server.pid',
  'rabbitmq/epmd.pid',
  'rabbitmq/server.pid',
].map((file) => `.data/${file}`);
const isAlive = (pid: number): boolean => commandLine(pid) !== '';
/** What runs of a build. */
const runningOf = (folder: string): string[] =>
  spawnSync('ps', ['-eo', 'args='], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line.includes(`${folder}/dist/`));
const LONG_MS = 60_000;

t.test('from nothing to a service and back', async (t) => {
  const { folder, url, begin, start, stop, pids, portsInUse } = await makeCheckout(t);

  await t.test('nothing to stop is no error', async (t) => {
    t.strictSame(await stop(), { code: 0, output: 'Nothing to stop.\n' });
  });

  await t.test('a death on the way: its log, and all that was started is stopped again', async (t) => {
    const { code, output } = await start({ ACCESS_LOG_FORMAT: '%(nonsense)s' });
    t.equal(code, 1);
    t.match(
      output,
      /Orders did not start: the API ended at once\. The end of .*server\.log:\n.*^ACCESS_LOG_FORMAT/ms,
    );
    t.strictSame(pids(), {});
    t.strictSame(await portsInUse(), []);
  });

  await t.test('a start creates .env, serves, and shows no password', async (t) => {
    rmSync(join(folder, '.env'));
    const { code, output } = await start();
    t.equal(code, 0, output);
    t.match(output, `Orders is ready at ${url}.`);
    t.strictSame(Object.keys(pids()).sort(), [...backendProcesses, ...ownProcesses].sort());
    t.equal((await fetch(`${url}/health/ready`)).status, 200);
    const file = join(folder, '.env');
    t.equal(statSync(file).mode & 0o777, 0o600);
    const password = readFileSync(file, 'utf8').match(/^ADMIN_PASSWORD=([\w-]{32})$/m)?.[1];
    t.ok(password);
    t.notMatch(output, password);
  });

  await t.test('the curl line that it shows makes an order', async (t) => {
    const { output } = await start();
    // As curl reads it; a bare machine may have no curl.
    const [, target = '', header = '', body = ''] =
      output.match(/curl (\S+) -H '(.+?)' \\\n\s+-d '(.+)'/) ?? [];
    const [name = '', value = ''] = header.split(': ');
    const response = await fetch(target, { method: 'POST', headers: { [name]: value }, body });
    t.match(await response.json(), { status: 'queued' });
  });

  await t.test('a second start starts nothing', async (t) => {
    const before = pids();
    const { code, output } = await start();
    t.equal(code, 0);
    t.notMatch(output, 'Started');
    t.strictSame(pids(), before);
  });

  await t.test('only the consumer that died is started again, by its supervisor', async (t) => {
    const { 'worker_2.pid': victim = 0, ...others } = pids();
    process.kill(victim, 'SIGKILL');
    const isThere = ({ 'worker_2.pid': pid = 0 } = pids()) => pid !== victim && isAlive(pid);
    await until('another one is there', isThere, LONG_MS);
    const { 'worker_2.pid': _, ...same } = pids();
    t.strictSame(same, others);
    t.match(readFileSync(join(folder, 'worker_2.log'), 'utf8'), `"consumer_pid":${victim}`);
    const { code, output } = await start();
    t.equal(code, 0);
    t.notMatch(output, 'Started');
  });

  await t.test('one that was ended stays so until the next start, which leaves the rest alone', async (t) => {
    const { 'worker_2.pid': victim = 0, ...others } = pids();
    process.kill(victim);
    await until('its PID file is gone', () => pids()['worker_2.pid'] === undefined, LONG_MS);
    t.strictSame(pids(), others);
    const { code, output } = await start();
    t.equal(code, 0);
    t.match(output, 'Started consumer 2');
    const { 'worker_2.pid': successor = 0, 'supervisor_2.pid': supervisor = 0, ...same } = pids();
    t.strictSame(same, others);
    t.ok(isAlive(successor) && isAlive(supervisor));
  });

  await t.test('what has lost its supervisor is exchanged', async (t) => {
    const before = pids();
    process.kill(before['supervisor.pid'] ?? 0, 'SIGKILL');
    const log = () => readFileSync(join(folder, 'worker_1.log'), 'utf8');
    await until('the consumer has noticed', () => log().includes('has lost its supervisor'), LONG_MS);
    t.ok(isAlive(before['worker_1.pid'] ?? 0), 'it goes on');
    const { code, output } = await start();
    t.equal(code, 0, output);
    const after = pids();
    for (const file of ['supervisor.pid', 'worker_1.pid', 'hub.pid']) {
      t.notOk(isAlive(before[file] ?? 0), `the old ${file}`);
      t.ok(isAlive(after[file] ?? 0), file);
    }
    for (const file of ['supervisor_2.pid', 'worker_2.pid', 'server.pid']) t.equal(after[file], before[file]);
  });

  await t.test('what a stop has to kill is not started again', async (t) => {
    const impatient = { STOP_TIMEOUT: '0.001' };
    const { code, output } = await begin(join(folder, 'stop_services.sh'), ['--keep-backends'], impatient)
      .outcome;
    t.equal(code, 0);
    t.match(output, /^(Killed|Stopped) consumer 2/m);
    t.strictSame(Object.keys(pids()).sort(), [...backendProcesses].sort());
    t.strictSame(runningOf(folder), []);
    t.equal((await start()).code, 0);
  });

  await t.test('a PID file that names a foreign process fools neither script', async (t) => {
    const foreign = spawn('sleep', ['300']);
    t.teardown(() => foreign.kill('SIGKILL'));
    const { 'worker_1.pid': victim = 0 } = pids();
    process.kill(victim, 'SIGKILL');
    writeFileSync(join(folder, 'worker_1.pid'), `${foreign.pid}\n`);
    await start();
    t.not(pids()['worker_1.pid'], foreign.pid);
    writeFileSync(join(folder, 'worker_7.pid'), `${foreign.pid}\n`);
    t.equal((await stop('--keep-backends')).code, 0);
    t.ok(isAlive(foreign.pid ?? 0));
    t.strictSame(Object.keys(pids()).sort(), [...backendProcesses].sort(), 'the backends were kept');
  });

  await t.test('two starts at once start everything once, through a link too', async (t) => {
    const link = join(folder, '..', 'link.sh');
    symlinkSync(join(folder, 'start_services.sh'), link);
    const outputs = await Promise.all([begin(link).outcome, start()]);
    t.strictSame(
      outputs.map(({ code }) => code),
      [0, 0],
    );
    t.equal(outputs.filter(({ output }) => output.includes('Started the API')).length, 1);
  });

  await t.test('a consumer beyond WORKER_COUNT is stopped too', async (t) => {
    await start({ WORKER_COUNT: '3' });
    const all = Object.values(pids());
    t.equal(all.length, backendProcesses.length + ownProcesses.length + 2, 'it has a supervisor of its own');
    t.ok(all.every(isAlive));
    const { code, output } = await stop();
    t.equal(code, 0);
    t.match(output, 'Stopped consumer 3.');
    t.strictSame(all.filter(isAlive), []);
    t.strictSame(pids(), {});
    t.strictSame(await portsInUse(), []);
  });

  await t.test('stopped twice is no error', async (t) => {
    t.strictSame(await stop(), { code: 0, output: 'Nothing to stop.\n' });
  });
});
