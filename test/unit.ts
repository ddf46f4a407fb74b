/** The tests of code alone, in one process: its start is most of what each of them takes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { testsWithoutServers } from './without-servers.ts';

t.teardown(() => console.log(`# ${t.counts.pass} passed, ${t.counts.fail} failed`));
// As a test of its own: tap takes a process for done when it has no test left, and loading takes a while.
t.test('all files are loaded', async () => {
  for (const name of testsWithoutServers()) {
    const file = join(import.meta.dirname, '..', name);
    // tap says that of a process only.
    if (!/\bt\.\w+\(/.test(readFileSync(file, 'utf8'))) throw new Error(`${name} has no tests.`);
    await import(pathToFileURL(file).href);
  }
});
