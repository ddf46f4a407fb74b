/** The image's own files, run as a container runs them as far as that goes without an engine. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import {
  assembleImage,
  type Contained,
  readDockerfile,
  runContained,
  whyNotContained,
} from '../helpers/image.ts';

const PATIENCE_MS = 60_000;
const skip = whyNotContained();
const image = readDockerfile();

t.test('what is in the Dockerfile', async (t) => {
  t.match(image.node, /^\d+\.\d+\.\d+$/, 'the base is one version');
  t.match(image.user, [/^[1-9]\d*$/, /^[1-9]\d*$/], 'a number that is not root');
  t.equal(image.env.ACCESS_LOG_FILE, '-');
});

t.test('all that the build is made of is sent to the engine, and nothing else', async (t) => {
  const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const [, sources = ''] = /\$\(find (.*) -newer/.exec(read('ops/prepare.sh')) ?? [];
  const built = sources.replace(/docs\/\{(\w+),(\w+)\}\.json/, 'docs/$1.json docs/$2.json').split(' ');
  const sent = read('.dockerignore').match(/(?<=^!).*/gm) ?? [];
  t.strictSame(sent.sort(), [...built, 'LICENSE', 'package-lock.json'].sort());
});

t.test('the image', { skip }, async (t) => {
  const root = join(
    scratchFolder(t, async () => {}),
    'image',
  );
  assembleImage(root);
  const env = await isolatedEnvironment({ API_WORKERS: '2', ADMIN_PASSWORD: 'sesame' });
  // What the image says counts where the settings of these tests do not say where servers are.
  for (const name of ['ACCESS_LOG_FILE', 'LOG_LEVEL', 'SIMULATED_WRITE_LAG', 'HOST']) delete env[name];
  const port = String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const run = (command: string[], own: NodeJS.ProcessEnv = {}) =>
    runContained(t, root, command, { ...env, PORT: port, METRICS_PORT: String(nowhere), ...own });
  const nowhere = await freePort();
  const node = (...words: string[]) => ['node', ...words];
  const finished = async (contained: Contained) => [await contained.ended(), contained.output()];

  await t.test('holds Node.js, and no shell', async (t) => {
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
    t.strictSame(
      files.filter((file) => /(^|\/)bin\/./.test(file) && !file.includes('node_modules/')),
      ['usr/local/bin/node'],
    );
    t.strictSame(
      files.filter((file) => /\.(map|ts|env|log)$/.test(file)),
      [],
    );
  });

  await t.test('runs as its user, who can write nowhere', async (t) => {
    const script = `
      const denied = [];
      for (const file of ['/x', '/orders/x', '/etc/passwd', '/orders/dist/api/server.js'])
        try { fs.writeFileSync(file, ''); } catch (error) { denied.push(error.code); }
      console.log(JSON.stringify([process.pid, process.getuid(), process.cwd(), ...denied]));`;
    const [code, output] = await finished(run(node('-e', script)));
    t.equal(code, 0);
    const uid = process.getuid?.() === 0 ? Number(image.user[0]) : 0;
    t.strictSame(JSON.parse(String(output)), [1, uid, '/orders', 'EROFS', 'EROFS', 'EROFS', 'EROFS']);
  });

  await t.test('the migration', async (t) => {
    t.match(await finished(run(node('dist/ops/migrate.js'))), [0, /is up to date/]);
  });

  await t.test('the API, a consumer and the hub, each with its health check', async (t) => {
    const [ofApi, forConsumer, forHub] = [await freePort(), await freePort(), await freePort()];
    const ports = { api: String(ofApi), consumer: String(forConsumer), hub: String(forHub) };
    const ofConsumer = { METRICS_PORT: ports.consumer, PORT: String(nowhere) };
    const ofHub = { METRICS_PORT: ports.hub, PORT: String(nowhere) };
    const check = (own: NodeJS.ProcessEnv = {}) => finished(run(image.healthCheck, own));
    t.match(await check(), [
      1,
      `Nothing answers at ${url}/health/live or http://127.0.0.1:${nowhere}/health/live.`,
    ]);

    const api = run(image.command, { METRICS_PORT: ports.api });
    const consumer = run(node('dist/consumer/supervisor.js'), ofConsumer);
    const hub = run(node('dist/hub/supervisor.js'), ofHub);
    for (const [at, what] of [
      [port, 'the API'],
      [ports.consumer, 'the consumer'],
      [ports.hub, 'the hub'],
    ])
      await until(
        `${what} is ready, not ${api.output()}${consumer.output()}${hub.output()}`,
        async () =>
          (await fetch(`http://127.0.0.1:${at}/health/ready`).catch(() => undefined))?.status === 200,
        PATIENCE_MS,
      );
    for (const own of [{}, ofConsumer, ofHub]) t.match(await check(own), [0, '{"status":"live"}']);

    const body = JSON.stringify({ customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] });
    const headers = { 'content-type': 'application/json', prefer: 'wait=30' };
    const created = await fetch(`${url}/orders`, { method: 'POST', headers, body });
    t.equal(created.status, 201, 'the consumer has applied it');
    const orders = (...words: string[]) => finished(run(node('dist/cli/orders.js', ...words)));
    t.match(await orders('seed', '--count', '3'), [0, 'Seeded 3 fake orders.']);
    t.match(await orders('dead', 'list', '--direct'), [0, '']);
    t.equal((await fetch(`${url}/docs`)).status, 200);

    const ends = await Promise.all([api, consumer, hub].map((one) => one.ended('SIGTERM')));
    t.strictSame(ends, [0, 0, 0]);
    const lines = api
      .output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    t.ok(lines.some(({ log, method, status }) => log === 'access' && method === 'POST' && status === 201));
    t.ok(lines.some(({ log, msg }) => log === undefined && msg === 'api has ended'));
    t.notOk(
      lines.some(({ log, msg }) => (log === undefined) === (msg === undefined)),
      'each is of one log',
    );
  });
});
