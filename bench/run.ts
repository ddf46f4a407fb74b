/**
 * `npm run bench [-- --quick --only post,get-cached --against http://host:port --name peer --base folder --seconds
 * 10]`: measures, prints a table, and keeps it with plots in bench/results. The exit code is 1 if a case could not be
 * measured.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { suites } from './cases/suites.ts';
import { type Options, readOptions } from './options.ts';
import { preparePeer } from './peer.ts';
import { toHtml } from './report/html.ts';
import { type Broken, type Chart, type Row, withoutPeerTarget } from './report/results.ts';
import { toTable } from './report/table.ts';
import { openSystem } from './system.ts';

const RESULTS = 'bench/results';

/** Measures all cases that are wanted. Whatever happens, everything that was started is ended. */
const measure = async ({ sizes, isWanted, peer, base }: Options) => {
  const results: (Row | Broken)[] = [];
  const charts: Chart[] = [];
  const started = performance.now();
  const say = (text: string) => console.log(`${Math.round((performance.now() - started) / 1000)} s: ${text}`);

  let end = async () => {};
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, async () => {
      await end();
      process.exit(1);
    });
  try {
    const system = await openSystem((stop) => {
      end = stop;
    });
    say('servers');
    const prepared = peer && (await preparePeer(system.generator, peer.url, peer.name, sizes.listed));
    for (const suite of suites)
      await suite.run({ system, sizes, peer: prepared, base }, isWanted, (name, outcome) => {
        say(name);
        if (outcome instanceof Error) results.push({ name, broken: outcome.message });
        else {
          // How many times a peer it should be says nothing of another state of itself.
          results.push(...(base === undefined ? outcome.rows : outcome.rows.map(withoutPeerTarget)));
          charts.push(...(outcome.charts ?? []));
        }
      });
  } finally {
    await end();
  }
  return { results, charts };
};

const run = async (options: Options): Promise<boolean> => {
  const { quick } = options;
  const peer = options.peer?.name ?? (options.base && 'base');
  const { results, charts } = await measure(options);
  const table = toTable(results, { peer, verdicts: !quick });
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node.js ${process.version}`;
  const about = `${new Date().toISOString()}, ${machine}${quick ? ', quick: too short to say anything' : ''}.`;
  console.log(`\n${about}\n\n${table}`);
  mkdirSync(RESULTS, { recursive: true });
  // A quick run does not take the place of a full one.
  const file = `${RESULTS}/${quick ? 'quick' : 'latest'}`;
  writeFileSync(
    `${file}.json`,
    `${JSON.stringify({ about, quick, peer, results, charts, table }, null, 2)}\n`,
  );
  writeFileSync(`${file}.html`, toHtml({ about, table, results, charts, peer }));
  console.log(`The plots are in ${file}.html.`);
  return results.every((result) => !('broken' in result));
};

try {
  const options = readOptions(
    process.argv.slice(2),
    suites.flatMap((suite) => suite.cases),
  );
  process.exitCode = (await run(options)) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
