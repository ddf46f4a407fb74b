/** Passwords of RabbitMQ that change while a process runs: in a file, and tokens that a command prints. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { observers } from '../../process/observer.ts';
import { beginRenewals } from '../../process/renewals.ts';
import { openBroker } from '../../queue/broker.ts';
import { onConnection } from '../../queue/connection.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

const LONG_MS = 30_000;
const { RABBITMQ_PASSWORD: right = '', ...env } = await isolatedEnvironment();
const file = join(t.testdir(), 'password');

const open = async (t: Test, more: NodeJS.ProcessEnv) => {
  const config = loadConfig({ ...env, PATH: process.env.PATH, ...more }).rabbitmq;
  const lost: string[] = [];
  const observer = observers(unobserved, { serverLost: ({ reason }) => lost.push(reason) });
  await beginRenewals([config], observer);
  const broker = await openBroker(config, observer);
  t.teardown(() => broker.close());
  return { config, broker, lost };
};

t.test('a password in a file is read again when it is refused', async (t) => {
  writeFileSync(file, 'old');
  const { broker, lost } = await open(t, { RABBITMQ_PASSWORD_FILE: file });
  await until('it is refused', () => lost.some((reason) => /Login was refused/.test(reason)), LONG_MS);
  writeFileSync(file, `${right}\n`);
  await until('it is connected', () => broker.takesMessages(), LONG_MS);
  t.equal(lost.length, new Set(lost).size, 'each reason is told once');
});

t.test('a connection that is made once tries again at once', async (t) => {
  writeFileSync(file, 'old');
  const config = loadConfig({ ...env, RABBITMQ_PASSWORD_FILE: file }).rabbitmq;
  await t.rejects(
    onConnection(config, 'a command', async () => 'connected'),
    { message: /^RabbitMQ at 127.0.0.1:\d+ refuses us: 403 ACCESS_REFUSED/ },
  );
  const other = loadConfig({ ...env, RABBITMQ_PASSWORD_FILE: file }).rabbitmq;
  writeFileSync(file, right);
  t.equal(await onConnection(other, 'a command', async () => 'connected'), 'connected');
  const failing = loadConfig({ ...env, RABBITMQ_PASSWORD_COMMAND: 'no-such-program' }).rabbitmq;
  await t.rejects(
    onConnection(failing, 'a command', async () => 'connected'),
    { message: 'RABBITMQ_PASSWORD_COMMAND gives no password: there is no such program.' },
  );
});

t.test('a token is told over a connection that lasts longer than it', async (t) => {
  writeFileSync(file, right);
  const print = `printf "{\\"password\\": \\"$(cat ${file})\\", \\"expires_in\\": 1}"`;
  const { config, broker, lost } = await open(t, { RABBITMQ_PASSWORD_COMMAND: `sh -c '${print}'` });
  await until('it is connected', () => broker.takesMessages(), LONG_MS);
  // This broker knows nothing of the time of a token, and takes any.
  const told = new Promise((resolve) => config.renewal?.onRenewed(resolve));
  writeFileSync(file, 'another');
  await told;
  await t.resolves(broker.ping(), 'the broker has understood');
  await t.resolves(broker.accept(Buffer.from('x'), { messageId: 'x' }));
  t.strictSame(lost, []);
});
