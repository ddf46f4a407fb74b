/** Ends processes of the service. */
import { stopProcess } from './processes.ts';
import type { ServiceProcess } from './service.ts';

/** How much longer a supervisor has than those that it waits for. */
const LONGER_MS = 5_000;

/**
 * Ends processes, or after `limitMs` milliseconds kills them. Supervisors are asked first, so they start nothing again.
 * @param processes supervisors first
 * @param say gets a line for each that was running
 */
export const stopAll = async (
  processes: ServiceProcess[],
  limitMs: number,
  say: (line: string) => void,
): Promise<void> => {
  await Promise.all(
    processes.map(async (one) => {
      const stopped = await stopProcess(one, one.readyFile === undefined ? limitMs + LONGER_MS : limitMs);
      if (stopped === 'stopped') say(`Stopped ${one.name}.`);
      if (stopped === 'killed')
        say(`Killed ${one.name}: it had not ended within ${limitMs / 1000} s (STOP_TIMEOUT).`);
    }),
  );
};
