/**
 * `stop_services.sh`: stops the consumers and the API, then the backends that start_services.sh has started. It needs
 * no settings.
 */
import { stopBackends } from './backends.ts';
import { outliveReaders } from './output.ts';
import { foundProcesses } from './service.ts';
import { stopAll } from './stopping.ts';
import { timeLimit } from './time-limit.ts';

outliveReaders();

const stop = async (project: string): Promise<void> => {
  const keepBackends = process.argv.includes('--keep-backends');
  const limit = timeLimit('STOP_TIMEOUT');
  let stoppedAny = false;
  const say = (line: string) => {
    stoppedAny = true;
    console.log(line);
  };
  await stopAll(foundProcesses(project), limit, say);
  if (!keepBackends) await stopBackends(project, say);
  if (!stoppedAny) console.log('Nothing to stop.');
};

try {
  await stop(process.cwd());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
