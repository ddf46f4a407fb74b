/** The tests of code alone, in one process: its start is most of what each of them takes. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { testsWithoutServers } from './without-servers.ts';

t.teardown(() => console.log(`# ${t.counts.pass} passed, ${t.counts.fail} failed`));
for (const file of testsWithoutServers())
  await import(pathToFileURL(join(import.meta.dirname, '..', file)).href);
