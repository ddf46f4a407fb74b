/** READY_FILE, by which scripts and probes see that a consumer gets jobs. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';

t.test('the file is there while the consumer is, whatever it logs', async (t) => {
  const file = join(t.testdir(), 'ready');
  const env = await isolatedEnvironment({ LOG_LEVEL: 'error', READY_FILE: file });
  const consumer = startProcess(t, 'consumer', env);
  await until('it is ready', () => existsSync(file));
  t.equal(readFileSync(file, 'utf8'), `${consumer.child.pid}\n`);
  t.equal(await consumer.end(), 0);
  t.notOk(existsSync(file));
  t.equal(consumer.output(), '');
});
