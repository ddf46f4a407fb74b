/**
 * `npm run test:fuzz [-- --seconds 600 --seed 1 --only http]`: fuzzes HTTP and the queue side by side, each with an
 * API and a consumer of its own. Exit code 1 where a promise was broken.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureInstalled } from '../../ops/packages.ts';
import { startServers } from '../../ops/private-servers.ts';
import { guardedFolder } from '../../testbed/guarded-folder.ts';
import { REDIS_DATABASES } from '../helpers/environment.ts';
import { fuzz, newSeed } from './fuzz.ts';
import { httpFuzz } from './http-property.ts';
import { queueFuzz } from './queue.ts';
import { type Place, type Service, startFuzzedService } from './service.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(newSeed()) },
    only: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed))
  throw new Error('--seconds must be a positive number, --seed an integer.');

/** What is fuzzed, each run until it breaks or time is up. */
const kinds = {
  http: async (service: Service) => {
    const { property, ...rest } = await httpFuzz(service);
    return { ...rest, run: () => fuzz(property, seconds, seed) };
  },
  queue: async (service: Service, place: Place) => {
    const { property, ...rest } = await queueFuzz(service, place);
    return { ...rest, run: () => fuzz(property, seconds, seed) };
  },
};
type Kind = keyof typeof kinds;

const chosen = (Object.keys(kinds) as Kind[]).filter(
  (kind) => values.only === undefined || values.only === kind,
);
if (chosen.length === 0) throw new Error(`--only must be one of ${Object.keys(kinds).join(', ')}.`);

const { folder, end } = guardedFolder('orders-fuzz-');
const teardowns: (() => unknown)[] = [];

/** @returns what is wrong */
const fuzzKind = async (kind: Kind): Promise<string[]> => {
  const testdir = join(folder, kind);
  mkdirSync(testdir);
  const place: Place = { testdir: () => testdir, teardown: (work) => teardowns.push(work) };
  const service = await startFuzzedService(place);
  const { run, problems, counts } = await kinds[kind](service, place);
  const found = await run().then(problems, (error: Error) => [error.message]);
  console.log(
    `${kind}: ${JSON.stringify({ ...counts(), rssMib: service.rssMib(), problems: found.length })}`,
  );
  return found;
};

ensureInstalled(['mysql', 'redis', 'rabbitmq'], console.log);
console.log(`seed ${seed}, ${seconds} s`);
const { ports } = await startServers(folder, REDIS_DATABASES);
process.env.TEST_MYSQL_PORT = String(ports.mysql);
process.env.TEST_REDIS_PORT = String(ports.redis);
process.env.TEST_RABBITMQ_PORT = String(ports.rabbitmq);
const found = (await Promise.all(chosen.map(fuzzKind))).flat();
for (const problem of found) console.log(problem);
for (const work of teardowns.reverse()) await work();
await end();
// Not left to end by itself: a connection that something left open would keep it.
process.exit(found.length === 0 ? 0 : 1);
