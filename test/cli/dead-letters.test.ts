/** `npx orders dead … --direct`, which needs no API. */
import t, { type Test } from 'tap';
import { freePort } from '../../ops/ports.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { runCommand } from '../helpers/command.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { openStores } from '../helpers/stores.ts';

const run = (t: Test, env: NodeJS.ProcessEnv, ...args: string[]) =>
  runCommand(t, env, 'dead', ...args, '--direct');

const env = await isolatedEnvironment();
const nowhere = String(await freePort());
// It waits for a broker that may be on its way, and we do not wait for it.
const withoutBroker = run(t, { ...env, RABBITMQ_PORT: nowhere }, 'list');

t.test('the command line', async (t) => {
  await startReadyApp(t, env);
  const stores = await openStores(t, env);
  const dead = `${stores.queue}.dead`;
  const jobIds = ['one', 'two', 'three', 'four'];
  const [first = '', second = ''] = jobIds;
  for (const job_id of jobIds) stores.channel.sendToQueue(dead, Buffer.from(JSON.stringify({ job_id })));
  await stores.channel.waitForConfirms();
  const listed = await run(t, env, 'list', '--output', 'jsonl');
  t.strictSame(
    listed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).job_id),
    jobIds,
  );
  const left = (count: number) =>
    until(`${count} letters are left`, async () => (await stores.waiting(dead)) === count);
  await left(4);
  const steps: [args: string[], stdout: string, letters: number][] = [
    [['replay', first], 'Replayed 1 dead letters.\n', 3],
    [['discard', second, 'nobody', '--yes'], 'Discarded 1 dead letters.\n', 2],
    [['replay', '--all'], 'Replayed 2 dead letters.\n', 0],
    [['discard', '--all', '--yes'], 'Discarded 0 dead letters.\n', 0],
    [['list'], '', 0],
  ];
  for (const [args, stdout, letters] of steps) {
    t.strictSame(await run(t, env, ...args), { code: 0, stdout, stderr: '' }, args.join(' '));
    await left(letters);
  }
  t.equal(await stores.waiting(), 3);
});

t.test('what is wrong is one sentence', async (t) => {
  t.strictSame(await run(t, { ...env, RABBITMQ_PORT: 'x' }, 'discard', '--all', '--yes'), {
    code: 1,
    stdout: '',
    stderr: 'RABBITMQ_PORT must be a port from 1 to 65535, got "x".\n',
  });
  t.strictSame(await withoutBroker, {
    code: 5,
    stdout: '',
    stderr: `RabbitMQ does not answer at 127.0.0.1:${nowhere}.\n`,
  });
});
