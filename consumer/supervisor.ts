/** Keeps a single consumer running, as in a container: `node dist/consumer/supervisor.js <number>` */
import { fileURLToPath } from 'node:url';
import { supervise } from '../process/supervisor.ts';
import { deliveryArguments } from '../queue/stack.ts';

supervise({
  name: 'consumer',
  file: fileURLToPath(new URL('worker.js', import.meta.url)),
  args: process.argv.slice(2),
  execArgv: deliveryArguments,
});
