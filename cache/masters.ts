/** What has to be done on each master of a cluster. A Redis that is not a cluster is its only master. */
import type { Redis } from 'ioredis';
import { ClusterRedis } from './cluster.ts';

const SCAN_COUNT = 1_000;

/** The connections to all masters. */
export const mastersOf = (redis: Redis): Redis[] => (redis instanceof ClusterRedis ? redis.each() : [redis]);

/** Waits until all masters of a cluster are connected. @throws the reason why one is not */
export const allConnected = async (redis: Redis): Promise<void> => {
  if (redis instanceof ClusterRedis) await redis.connectAll();
};

/** In a cluster, keys that together lead to each master; otherwise none. @param make makes a key of a number */
export const keysOnMasters = (redis: Redis, make: (n: number) => string): string[] =>
  redis instanceof ClusterRedis ? redis.keyForEach(make) : [];

/**
 * Runs `work` on each key that matches a pattern, on those of one step of the scan at once. In a cluster that is done
 * twice, as a key that moves to a master that was scanned already is missed. @throws Redis's error
 */
export const onEachKey = async (
  redis: Redis,
  match: string,
  work: (key: string) => Promise<unknown>,
): Promise<void> => {
  const masters = mastersOf(redis);
  const scans = redis instanceof ClusterRedis ? [...masters, ...masters] : masters;
  for (const master of scans)
    for await (const found of master.scanStream({ match, count: SCAN_COUNT }))
      await Promise.all(found.map(work));
};

/**
 * One step through all keys that match a pattern, on one master after the other.
 * @param cursor where to go on: '0' at first, then what was returned
 * @returns some keys, and where to go on, '0' at the end
 * @throws Redis's error
 */
export const scanOn = async (
  redis: Redis,
  cursor: string,
  match: string,
  count: number,
): Promise<[cursor: string, found: string[]]> => {
  const masters = mastersOf(redis);
  const [within = '0', place = '0'] = cursor.split('_');
  const master = masters[Number(place)];
  if (!master) return ['0', []];
  const [next, found] = await master.scan(within, 'MATCH', match, 'COUNT', count);
  const isLast = Number(place) + 1 >= masters.length;
  if (next !== '0') return [place === '0' ? next : `${next}_${place}`, found];
  return [isLast ? '0' : `0_${Number(place) + 1}`, found];
};
