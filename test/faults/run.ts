/**
 * `npm run test:faults [-- --only 5,6 --accepted 20000 --seed 1 --hours 2 --tls --node 24 --broker folder:port --results file.json]`: runs the
 * scenarios one after the other, prints a table and keeps it as JSON. Exit code 1 where any promise was broken.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureInstalled } from '../../ops/packages.ts';
import { guardedFolder } from '../../testbed/guarded-folder.ts';
import { nodeOf } from '../helpers/node-versions.ts';
import { noViolations } from './engine/checker.ts';
import { brokenResult, processesOf, type Result, runScenario } from './engine/scenario.ts';
import { createGround } from './engine/servers.ts';
import { createWorlds, sharedKind } from './engine/worlds.ts';
import { scenarios } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    accepted: { type: 'string', default: '20000' },
    hours: { type: 'string', default: '0' },
    tls: { type: 'boolean', default: false },
    node: { type: 'string' },
    broker: { type: 'string' },
    results: { type: 'string', default: 'test/faults/results/latest.json' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const only = values.only?.split(',').map(Number);
const options = {
  accepted: Number(values.accepted),
  full: Number(values.accepted) >= 20_000,
  seed: Number(values.seed),
  hours: Number(values.hours),
  tls: values.tls,
};

const columns = ['accepted', 'refused', 'unknown', 'applied', 'dead'] as const;
const names = Object.keys(noViolations) as (keyof typeof noViolations)[];
const row = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
const toRow = (result: Result) =>
  row([
    `${result.number}. ${result.title}`,
    ...columns.map((column) => result[column]),
    ...names.map((name) => result.violations[name]),
    `${result.longestMs} ms`,
    `${(result.unacceptedMs / 1000).toFixed(1)} s`,
    `${(result.settledMs / 1000).toFixed(1)} s`,
    result.problems.length === 0 ? 'ok' : 'FAILED',
  ]);
const head = [
  row([
    'scenario',
    ...columns,
    ...names,
    'longest request',
    'longest without an accepted write',
    'settled after',
    '',
  ]),
  row(Array(columns.length + names.length + 5).fill('---')),
].join('\n');

ensureInstalled(['mysql', 'redis', 'rabbitmq'], console.log);
const found = values.node === undefined ? { path: process.execPath } : await nodeOf(values.node);
if ('missing' in found) {
  console.error(`${found.missing}.`);
  process.exit(1);
}
const node = found.path;
console.log(
  [
    `seed ${options.seed}`,
    ...(options.tls ? ['over TLS'] : []),
    ...(values.node ? [`Node.js ${values.node}`] : []),
  ].join(', '),
);
console.log(head);
const { folder, end } = guardedFolder('orders-faults-');
const [, brokerFolder, brokerPort] = /^(.+):(\d+)$/.exec(values.broker ?? '') ?? [];
const shared = brokerFolder ? { folder: brokerFolder, port: Number(brokerPort) } : undefined;
const ground = await createGround(folder, { tls: options.tls, node, shared });
const worlds = createWorlds(ground, processesOf(options.full), !options.full);
const chosen = scenarios.filter(({ number }) => !only || only.includes(number));
// Those that can share a world come one after the other; those of a cluster come last, as its nodes go on running.
const kinds = [...new Set(chosen.map(sharedKind))].sort().reverse();
const inTurn = options.full
  ? chosen
  : kinds.flatMap((kind) => chosen.filter((scenario) => sharedKind(scenario) === kind));
const results: Result[] = [];
for (const scenario of inTurn) {
  const result = await runScenario(scenario, { ...options, worlds }).catch((error) =>
    brokenResult(scenario, error),
  );
  results.push(result);
  console.log(toRow(result));
  for (const problem of result.problems) console.log(`    ${problem}`);
}
await worlds.end();
results.sort((a, b) => a.number - b.number);
mkdirSync(dirname(values.results), { recursive: true });
const table = [head, ...results.map(toRow)].join('\n');
writeFileSync(
  values.results,
  `${JSON.stringify({ date: new Date().toISOString(), ...options, results, table }, null, 2)}\n`,
);
await end();
// Not left to end by itself: Node 20 may spin for ever while it closes sockets that were reset with bytes under way.
process.exit(results.every(({ problems }) => problems.length === 0) ? 0 : 1);
