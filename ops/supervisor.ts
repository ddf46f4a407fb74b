/**
 * Keeps running what start_services.sh has started: `node dist/ops/supervisor.js [--metrics-port=N] worker_1 … hub`.
 * It is given the names of PID files, so that ps shows what it keeps.
 */
import { closeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { supervise } from '../process/supervisor.ts';
import { heldLock } from './processes.ts';
import { supervisedProcess } from './service.ts';

const { values, positionals } = parseArgs({
  options: { 'metrics-port': { type: 'string' } },
  allowPositionals: true,
});
const metricsPort = Number(values['metrics-port'] ?? 0);
const lock = heldLock();
delete process.env.ORDERS_LOCK;
const programs = positionals.flatMap(
  (file) => supervisedProcess(process.cwd(), file, metricsPort)?.program ?? [],
);
supervise(...programs);
// From now on PID files tell what runs.
for (const descriptor of lock) closeSync(descriptor);
