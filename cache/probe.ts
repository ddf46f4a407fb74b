/** Finds out whether Redis works for us, by a script that writes in the way in which the service does. */
import type { Redis } from 'ioredis';
import { keys } from './keys.ts';
import { allConnected, keysOnMasters } from './masters.ts';
import { script } from './script.ts';

const probeScript = script('probe');
const PROBED = [keys.pending, keys.notes, keys.detail, keys.detailGuard, keys.idempotency].map((key) =>
  key('probe'),
);
const probedKey = (n: number) => keys.pending(`probe:${n}`);

/**
 * Probes Redis on keys of each kind and, in a cluster, on each master.
 * @returns its clock in microseconds since 1970; of those of several masters the one that is ahead
 * @throws the error that keeps it from working for us
 */
export const probe = async (redis: Redis): Promise<number> => {
  // To connect may take longer than a command.
  await allConnected(redis);
  const probed = [...PROBED, ...keysOnMasters(redis, probedKey)];
  const times = await Promise.all(probed.map((key) => probeScript(redis, [key])));
  return Math.max(...times.map(Number));
};
