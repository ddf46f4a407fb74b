/**
 * The slots of a Redis Cluster: which key is in which, which server has which, and what a server answers that does not
 * have one (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
 */
import { Command, type Redis } from 'ioredis';
import { isRefusal, RedisUnfit } from './redis.ts';

const SLOTS = 16_384;

export interface Address {
  host: string;
  port: number;
}

/** What CLUSTER SLOTS answers for each range of slots. Where the host is not known, it is the one that was asked. */
export type Range = [
  first: number,
  last: number,
  ...nodes: [host: string | null, port: number, ...unknown[]][],
];

/** A server that does not know the name of another one, or whose clients all come to one name, leaves it out. */
const hostOr = (host: string | null | undefined, asked: string): string =>
  host && host !== '?' ? host : asked;

/** The slot of a key. */
export const slotOf = (key: string): number => new Command('get', [key]).getSlot();
/** Asks a server who has which slots. @throws Redis's error, or RedisUnfit if it is not in a cluster */
export const askSlots = async (redis: Redis): Promise<Range[]> => {
  try {
    return await redis.cluster('SLOTS');
  } catch (error) {
    if (error instanceof Error && error.message.includes('cluster support disabled'))
      throw new RedisUnfit('REDIS_CLUSTER is true, but this Redis is not in a cluster.');
    throw error;
  }
};

/** What a server answers if it does not serve a slot, or not yet all of it. */
export type Redirection =
  | { kind: 'MOVED' | 'ASK'; slot: number; address: Address }
  | { kind: 'TRYAGAIN' }
  | undefined;
export const redirectionIn = (error: Error, from: Address): Redirection => {
  if (!isRefusal(error)) return undefined;
  if (error.message.startsWith('TRYAGAIN')) return { kind: 'TRYAGAIN' };
  const [, kind, slot, host, port] = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(error.message) ?? [];
  if (kind !== 'MOVED' && kind !== 'ASK') return undefined;
  return { kind, slot: Number(slot), address: { host: hostOr(host, from.host), port: Number(port) } };
};

/**
 * Who has each slot.
 * @param asked the host that has answered with these ranges
 * @param nodeAt returns the node at an address, always the same one
 * @throws RedisUnfit if nobody has some slot
 */
export const ownersIn = <Node>(
  ranges: Range[],
  asked: string,
  nodeAt: (address: Address) => Node,
): Node[] => {
  const owners = new Array<Node>(SLOTS);
  let covered = 0;
  for (const [first, last, master] of ranges) {
    if (!master) continue;
    const [host, port] = master;
    owners.fill(nodeAt({ host: hostOr(host, asked), port }), first, last + 1);
    covered += last - first + 1;
  }
  if (covered < SLOTS) throw new RedisUnfit('Not all slots of the cluster have a server.');
  return owners;
};

/**
 * Whether a replica has become a master, that is, whether a slot has gone from a node that has none any more to one that
 * had none before. A slot that moves has another master as its source, its target, or both.
 */
export const isSuccession = <Node>(before: Node[], now: Node[]): boolean => {
  const [mastersBefore, mastersNow] = [new Set(before), new Set(now)];
  return before.some((node, slot) => {
    const next = now[slot];
    return next !== undefined && next !== node && !mastersNow.has(node) && !mastersBefore.has(next);
  });
};
