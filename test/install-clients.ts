/** install-clients.ts FILE: installs the programs of clients that are missing, and then makes the file. */
import { writeFileSync } from 'node:fs';
import { ensureClients } from './helpers/client-programs.ts';

const [, , file = ''] = process.argv;
try {
  ensureClients(console.log);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  writeFileSync(file, '');
}
