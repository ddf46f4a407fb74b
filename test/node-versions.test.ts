/**
 * The service on other versions of Node.js than that of the tests: all its calls, a worker that is killed with
 * connections on their way to it, and its end under load. One that cannot be installed is skipped.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { freePort } from '../ops/ports.ts';
import { workersOf } from '../ops/workers.ts';
import { withoutTap } from '../testbed/spawn.ts';
import { until } from '../testbed/until.ts';
import { allWorkersServe } from '../testbed/workers.ts';
import { makeAllCalls } from './helpers/all-calls.ts';
import { isolatedEnvironment } from './helpers/environment.ts';
import { readDockerfile } from './helpers/image.ts';
import { nodeOf } from './helpers/node-versions.ts';
import { startProcess } from './helpers/processes.ts';

const PATIENCE_MS = 60_000;
const ADMIN_PASSWORD = 'sesame';
const ORDER = JSON.stringify({ customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] });

/** A primary and a worker that say what they send each other about a connection, as api/http/handoffs.ts sees it. */
const HANDOFF = `
import cluster from 'node:cluster';
import { connect, createServer } from 'node:net';
if (cluster.isWorker) createServer((socket) => socket.end()).listen(0, '127.0.0.1');
else {
  const worker = cluster.fork();
  const child = worker.process;
  const { send } = child;
  let given;
  child.send = (message, connection, ...rest) => {
    if (message.act === 'newconn')
      given = { seq: message.seq, form: [typeof message.seq, typeof connection?.close, typeof rest] };
    return Reflect.apply(send, child, [message, connection, ...rest]);
  };
  child.on('internalMessage', ({ cmd, ack, accepted }) => {
    if (given === undefined || ack !== given.seq) return;
    console.log(JSON.stringify([...given.form, cmd, accepted]));
    child.kill('SIGKILL');
    process.exit();
  });
  worker.on('listening', ({ port }) => connect(port, '127.0.0.1').on('error', () => {}));
}`;

const checkHandoff = (t: Test, node: string): void => {
  const file = join(t.testdir(), 'handoff.mjs');
  writeFileSync(file, HANDOFF);
  const { stdout, stderr } = spawnSync(...withoutTap(node, file), { encoding: 'utf8', timeout: PATIENCE_MS });
  t.equal(
    stdout.trim(),
    JSON.stringify(['number', 'function', 'object', 'NODE_CLUSTER', true]),
    `cluster hands connections over as api/http/handoffs.ts relies on it ${stderr}`,
  );
};

/** Starts an API of two workers, a consumer and a hub. */
const startService = async (t: Test, node: string) => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = await isolatedEnvironment({ PORT: String(port), API_WORKERS: '2', ADMIN_PASSWORD });
  const [api, consumer, hub] = (['api', 'consumer', 'hub'] as const).map((program) =>
    startProcess(t, program, env, [], node),
  );
  if (!api || !consumer || !hub) throw new Error('Not all were started.');
  await until('all workers serve', () => allWorkersServe(api.child.pid ?? 0, url, 2), PATIENCE_MS);
  await until(
    'it is ready, and jobs are applied',
    async () => {
      const response = await fetch(`${url}/health/ready`);
      const { status, applying } = (await response.json()) as Record<string, string>;
      return status === 'ready' && applying === 'yes' && hub.output().includes('leads');
    },
    PATIENCE_MS,
  );
  return { url, api, all: [api, consumer, hub] };
};

/** Posts an order on a connection of its own. @returns the status; undefined if the connection was refused */
const post = (url: string): Promise<number | undefined> =>
  new Promise((resolve) => {
    const headers = { 'content-type': 'application/json' };
    request(`${url}/orders`, { method: 'POST', agent: false, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    })
      .on('error', () => resolve(undefined))
      .end(ORDER);
  });

t.test(`Node.js ${process.version}, which runs the tests`, async (t) => checkHandoff(t, process.execPath));

// That of the image is there by its full version.
const others = ['22', readDockerfile().node ?? '24'].map((version) => ({
  version,
  installing: nodeOf(version),
}));
for (const { version, installing } of others) {
  const found = await installing;
  const skip = 'missing' in found ? found.missing : false;
  t.test(`Node.js ${version}`, { skip }, async (t) => {
    const node = 'path' in found ? found.path : '';
    checkHandoff(t, node);
    const { url, api, all } = await startService(t, node);
    await t.test('all calls', async (t) => makeAllCalls(t, url, ADMIN_PASSWORD));

    await t.test('connections that a dead worker had not taken are served by the other', async (t) => {
      const [victim = 0] = await workersOf(api.child.pid);
      process.kill(victim, 'SIGSTOP');
      let answered = 0;
      const answers = Array.from({ length: 4 }, async () => {
        const status = await post(url);
        answered++;
        return status;
      });
      await until('the other worker has answered', () => answered > 0, PATIENCE_MS);
      process.kill(victim, 'SIGKILL');
      t.strictSame(await Promise.all(answers), [202, 202, 202, 202]);
      await until('there are two again', () => allWorkersServe(api.child.pid ?? 0, url, 2), PATIENCE_MS);
    });

    await t.test('SIGTERM fails no request', async (t) => {
      const statuses: number[] = [];
      const client = async () => {
        // A connection that is refused has carried no request.
        for (let status = await post(url); status !== undefined; status = await post(url))
          statuses.push(status);
      };
      const clients = Array.from({ length: 4 }, client);
      await until('load flows', () => statuses.length > 20, PATIENCE_MS);
      t.strictSame(await Promise.all(all.map((one) => one.end())), [0, 0, 0]);
      await Promise.all(clients);
      t.strictSame([...new Set(statuses)], [202]);
    });
    for (const one of all) t.notMatch(one.output(), /Warning|deprecat/i);
  });
}
