/** The line that a request leaves in the access log of a server that listens. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { openStores } from '../../helpers/stores.ts';

const file = join(t.testdir(), 'access.log');
const env = await isolatedEnvironment({
  ACCESS_LOG_FILE: file,
  ACCESS_LOG_FORMAT: '%(U)s %(s)s %(B)s %({x-request-id}o)s',
});
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const url = await app.listen({ host: '127.0.0.1', port: 0 });
const lineOf = (path: string) =>
  until(`there is a line of ${path}`, () =>
    readFileSync(file, 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`${path} `)),
  );

t.test('what was answered, with the headers of the answer', async (t) => {
  const response = await fetch(`${url}/health/live?x=1`, { headers: { 'x-request-id': 'req-1' } });
  const { length } = await response.text();
  t.equal(await lineOf('/health/live'), `/health/live 200 ${length} req-1`);
  const path = `/orders/${randomUUID()}`;
  const { headers, status } = await fetch(url + path, { method: 'HEAD' });
  t.equal(await lineOf(path), `${path} ${status} 0 ${headers.get('x-request-id')}`);
});

t.test('a client that went away before its answer', async (t) => {
  const path = `/orders/${randomUUID()}`;
  await stores.rows('LOCK TABLES orders WRITE');
  t.teardown(() => stores.rows('UNLOCK TABLES'));
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: req-2\r\n\r\n`);
  await until('MySQL is asked', async () => {
    const statements = await stores.rows('SHOW PROCESSLIST');
    return statements.some(({ Info }) => String(Info).startsWith('SELECT customer_name'));
  });
  socket.destroy();
  t.equal(await lineOf(path), `${path} 499 0 req-2`);
});
