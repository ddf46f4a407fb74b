/** A log that is moved away while it is written, by others or as it is too large. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { keepSmall, openLogFile } from '../../process/log-file.ts';
import { openOutput } from '../../process/output.ts';
import { until } from '../../testbed/until.ts';

const PATIENCE_MS = 60_000;
const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

t.test('lines go to the file that has the name', async (t) => {
  const folder = join(t.testdir(), 'logs');
  mkdirSync(folder);
  const file = join(folder, 'a.log');
  const output = openOutput(openLogFile(file));
  let lines = 0;
  const write = () => output.write(`${lines++}\n`);
  write();
  await until('it is written', () => read(file) === '0\n', PATIENCE_MS);

  renameSync(file, `${file}.1`);
  await until(
    'there is a new one',
    () => {
      write();
      return existsSync(file);
    },
    PATIENCE_MS,
  );
  await until('all is written', () => read(file).endsWith(`${lines - 1}\n`), PATIENCE_MS);
  const inAll = `${read(`${file}.1`)}${read(file)}`.trim().split('\n');
  t.strictSame(
    inAll.map(Number),
    Array.from({ length: lines }, (_, i) => i),
    'none is lost',
  );

  renameSync(folder, `${folder}.moved`);
  const from = performance.now();
  // It has looked by then, and found that there is no such folder.
  await until(
    'a second has passed',
    () => {
      write();
      return performance.now() - from > 1_500;
    },
    PATIENCE_MS,
  );
  const moved = join(`${folder}.moved`, 'a.log');
  await until(
    'lines are kept in the file that it has',
    () => read(moved).endsWith(`${lines - 1}\n`),
    PATIENCE_MS,
  );
  mkdirSync(folder);
  await until(
    'its folder is back, and so is the file',
    () => {
      write();
      return existsSync(file);
    },
    PATIENCE_MS,
  );
});

t.test('a file that cannot be written is said in one sentence', async (t) => {
  t.throws(() => openLogFile(t.testdir()), {
    message: /^LOG_FILE must be a file that can be written: EISDIR/,
  });
});

t.test('it is moved away when it is too large, and so many are kept', async (t) => {
  const file = join(t.testdir(), 'a.log');
  const reports: string[] = [];
  const end = keepSmall(file, { maxBytes: 10, files: 2 }, (sentence) => reports.push(sentence));
  t.teardown(end);
  for (const number of [1, 2, 3]) {
    writeFileSync(file, `small ${number}`);
    await until(
      'it is large',
      () => {
        if (existsSync(file)) writeFileSync(file, `this is large: ${number}`);
        return read(`${file}.1`).endsWith(`${number}`);
      },
      PATIENCE_MS,
    );
  }
  t.strictSame(
    [1, 2, 3].map((number) => read(`${file}.${number}`)),
    ['this is large: 3', 'this is large: 2', ''],
  );
  t.strictSame(reports, []);
  const off = join(t.testdir(), 'b.log');
  t.equal(
    keepSmall(off, { maxBytes: 0, files: 2 }, t.fail)(),
    undefined,
    'without a limit nothing is watched',
  );
});
