/** The picture in docs/ARCHITECTURE.md, kept: who may import whom, and which folder owns which library. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import t from 'tap';
import { filesImportedBy, importsOf, sourcesIn } from './imports.ts';

/** What each folder of production code may import besides itself. */
const allowed: Record<string, string[]> = {
  domain: [],
  process: ['domain'],
  queue: ['domain', 'process'],
  cache: ['domain', 'process'],
  db: ['domain', 'process'],
  telemetry: ['domain', 'process'],
  jobs: ['queue', 'cache', 'db', 'domain', 'process'],
  api: ['jobs', 'queue', 'cache', 'db', 'domain', 'process', 'telemetry'],
  consumer: ['jobs', 'queue', 'cache', 'db', 'domain', 'process', 'telemetry'],
  hub: ['jobs', 'queue', 'cache', 'db', 'domain', 'process', 'telemetry'],
  cli: ['jobs', 'queue', 'cache', 'db', 'domain', 'process'],
  ops: ['jobs', 'queue', 'cache', 'db', 'domain', 'process'],
  testbed: ['ops', 'process'],
  // A client of the API: it knows the types of what that answers, and nothing else.
  console: ['api', 'queue', 'domain'],
};

/** Libraries that one folder only may know, among those of production. */
const owners: Record<string, string> = {
  amqplib: 'queue',
  ioredis: 'cache',
  'drizzle-orm': 'db',
  mysql2: 'db',
  fastify: 'api',
  commander: 'cli',
  'string-width': 'cli',
  '@fastify/swagger': 'api',
  'prom-client': 'telemetry',
  '@opentelemetry/api': 'telemetry',
  '@opentelemetry/core': 'telemetry',
  '@opentelemetry/resources': 'telemetry',
  '@opentelemetry/sdk-trace-base': 'telemetry',
  '@opentelemetry/exporter-trace-otlp-http': 'telemetry',
  preact: 'console',
  '@preact/signals': 'console',
};

/** Where processes are put together: nobody else knows that somebody counts and traces. */
const putTogether = ['api/server.ts', 'api/worker.ts', 'consumer/worker.ts', 'hub/worker.ts'];

const root = join(import.meta.dirname, '..');
const files = Object.keys(allowed).flatMap(sourcesIn);
const graph = new Map(files.map((file) => [file, filesImportedBy(file)]));
const folderOf = (file: string) => file.split('/')[0] ?? '';
/** `name` or `@scope/name`, without a path inside the package. */
const packageOf = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

t.test('arrows point down only', async (t) => {
  t.ok(graph.size > 100, `${graph.size} files`);
  for (const [file, targets] of graph)
    for (const target of targets) {
      const [from, to] = [folderOf(file), folderOf(target)];
      t.ok(existsSync(join(root, target)), `${file}: ${target} is there`);
      t.ok(from === to || allowed[from]?.includes(to), `${file} may import ${target}`);
    }
});

t.test('only where a process is put together it is known who listens to it', async (t) => {
  for (const [file, targets] of graph)
    for (const target of targets.filter((one) => folderOf(one) === 'telemetry'))
      t.ok(
        folderOf(file) === 'telemetry' || (putTogether.includes(file) && target === 'telemetry/telemetry.ts'),
        `${file} may import ${target}`,
      );
});

t.test('one folder knows a library', async (t) => {
  for (const file of files)
    for (const specifier of importsOf(file)) {
      const owner = owners[packageOf(specifier)];
      if (owner) t.equal(folderOf(file), owner, `${file} may import ${specifier}`);
    }
});

t.test('the page of the console takes types only from the service', async (t) => {
  for (const file of sourcesIn('console'))
    for (const [line, , specifier = ''] of readFileSync(join(root, file), 'utf8').matchAll(
      /^(import|export) [^;]*? from '(\.[^']+)';$/gm,
    ))
      if (folderOf(normalize(join(dirname(file), specifier))) !== 'console')
        t.match(line, /^import type /, `${file}: ${line}`);
});

t.test('no files import each other in a circle', async (t) => {
  const finished = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: string[]) => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (finished.has(file) || path.includes(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
    finished.add(file);
  };
  for (const file of files) visit(file, []);
  t.strictSame(circles, []);
});

t.test('no source file lies at the top', async (t) => {
  t.strictSame(
    readdirSync(root).filter((name) => /\.[cm]?[jt]s$/.test(name)),
    [],
  );
});
