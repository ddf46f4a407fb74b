/** Keeps a single hub running, as in a container: `node dist/hub/supervisor.js` */
import { fileURLToPath } from 'node:url';
import { supervise } from '../process/supervisor.ts';

supervise({
  name: 'hub',
  file: fileURLToPath(new URL('worker.js', import.meta.url)),
  args: process.argv.slice(2),
});
