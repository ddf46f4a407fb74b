import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { openAccessLog } from '../../../api/http/access-log.ts';

const linesOf = async (file: string) => (await readFile(file, 'utf8')).split('\n');

/** Reads until the file has `count` lines, or five seconds have passed. */
const untilLines = async (file: string, count: number) => {
  const deadline = Date.now() + 5000;
  let lines: string[] = [];
  while (lines.length <= count && Date.now() < deadline) {
    lines = await linesOf(file).catch(() => []);
    await sleep(20);
  }
  return lines;
};

t.test('two writers share a file in whole lines, and close() writes the rest', async (t) => {
  const file = join(t.testdir(), 'access.log');
  const count = 5000;
  const logs = ['a', 'b'].map((name) => ({ name, log: openAccessLog(file, t.fail) }));
  for (let i = 0; i < count; i++) {
    for (const { name, log } of logs) log.write(`${name} ${i} ${name.repeat(i % 300)}.`);
    if (i % 500 === 0) await sleep(1);
  }
  await Promise.all(logs.map(({ log }) => log.close()));

  const lines = await linesOf(file);
  t.equal(lines.pop(), '', 'the last line ends');
  t.equal(lines.length, 2 * count);
  for (const { name } of logs) {
    const own = lines.filter((line) => line.startsWith(`${name} `));
    t.strictSame(
      own,
      Array.from({ length: count }, (_, i) => `${name} ${i} ${name.repeat(i % 300)}.`),
      `every line of ${name}, whole and in order`,
    );
  }
});

t.test('a single line is written within a second or so, without close()', async (t) => {
  const file = join(t.testdir(), 'access.log');
  const log = openAccessLog(file, t.fail);
  t.teardown(() => log.close());
  await untilLines(file, 0);
  log.write('one');
  t.strictSame(await untilLines(file, 1), ['one', '']);
});

t.test('it appends, and a file that was moved away is made anew', async (t) => {
  const folder = t.testdir({ 'access.log': 'before\n' });
  const file = join(folder, 'access.log');
  const log = openAccessLog(file, t.fail);
  log.write('one');
  await untilLines(file, 2);
  await rename(file, `${file}.1`);
  log.write('two');
  await log.close();
  t.equal(await readFile(`${file}.1`, 'utf8'), 'before\none\n');
  t.equal(await readFile(file, 'utf8'), 'two\n');
});

t.test('a missing folder is reported once, loses lines only, and can come back', async (t) => {
  const folder = join(t.testdir(), 'gone');
  const file = join(folder, 'access.log');
  const reports: string[] = [];
  const log = openAccessLog(file, (sentence) => reports.push(sentence));
  for (let i = 0; i < 10; i++) {
    log.write('x'.repeat(5000));
    await sleep(5);
  }
  t.equal(reports.length, 1);
  t.match(reports[0], /^The access log loses lines \(ENOENT.*\): check ACCESS_LOG_FILE/);
  await mkdir(folder);
  log.write('back');
  await untilLines(file, 1);
  await log.close();
  t.match(await readFile(file, 'utf8'), /^back$/m);
});

t.test('close() resolves when nothing can be written', async (t) => {
  const reports: string[] = [];
  const log = openAccessLog(t.testdir(), (sentence) => reports.push(sentence));
  log.write('lost');
  await log.close();
  t.match(reports, [/EISDIR/]);
});

t.test('lines that the disk does not take in time are dropped, so that memory is bounded', async (t) => {
  const file = join(t.testdir(), 'access.log');
  const reports: string[] = [];
  const log = openAccessLog(file, (sentence) => reports.push(sentence));
  const line = 'y'.repeat(1023);
  for (let i = 0; i < 10_000; i++) log.write(line);
  await log.close();
  t.match(reports, [/^The access log loses lines .*as fast as requests come/]);
  const lines = await linesOf(file);
  t.equal(lines.pop(), '');
  t.ok(lines.length > 7000 && lines.length < 9000, `${lines.length} lines of 1 KiB`);
  t.ok(lines.every((written) => written === line));
});

/** A process that logs `count` lines to its standard output as soon as its standard input ends. */
const stdoutLogger = (count: number) => {
  const source = `
    import { openAccessLog } from ${JSON.stringify(import.meta.resolve('../../../api/http/access-log.ts'))};
    const log = openAccessLog('-');
    for await (const _ of process.stdin);
    for (let i = 0; i < ${count}; i++) log.write('line ' + i);
    await log.close();
    console.error('closed');`;
  return spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', source],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
};

t.test('a dash is standard output', async (t) => {
  const child = stdoutLogger(3);
  child.stdin.end();
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  t.equal(stdout, 'line 0\nline 1\nline 2\n');
  t.equal(stderr, 'closed\n');
});

t.test('a reader of standard output that goes away does not end the process', async (t) => {
  const child = stdoutLogger(20_000);
  child.stdout.destroy();
  await once(child.stdout, 'close');
  child.stdin.end();
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  t.equal(code, 0);
  t.match(stderr, /^The access log loses lines .*EPIPE.*\n(.*\n)*closed\n$/);
});
