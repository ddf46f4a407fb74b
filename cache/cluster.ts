/**
 * Redis Cluster: several masters, each of which has some of the 16,384 slots, and each key is in one slot
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). To those who use it, it is one Redis:
 *   - A command goes to the master of its key's slot, one without a key always to the same master. If a slot has moved,
 *     or is just moving, the command follows it, within its time limit.
 *   - A command whose connection is lost fails; it is not sent a second time.
 *   - If one master is lost, the cluster is lost. So it is if a replica has become a master, even if no connection was
 *     lost: a replica may lack the last writes of its master (they are copied after they are answered), just as a Redis
 *     that was away may. Commands on their way fail then. A slot that moves from one master to another loses nothing.
 * The events are those of a Redis: `error` (with the node, if it is about one) and `close` whenever it is lost, `ready`
 * whenever all masters are known, also again.
 * ioredis's own Cluster lets commands wait, sends them again after a lost connection, and tells of none of that.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Redis } from 'ioredis';
import { jittered } from '../process/jitter.ts';
import {
  type Address,
  askSlots,
  isSuccession,
  ownersIn,
  type Range,
  type Redirection,
  redirectionIn,
  slotOf,
} from './cluster-slots.ts';
import { keys } from './keys.ts';
import { asError, isRefusal, isTimeout, timedOut } from './redis.ts';

/** How long a command waits before it is sent to the same slot again. */
const PAUSE_MS = 20;
/** How many masters are asked at once who has which slots. */
const ASKED_TOGETHER = 3;
const RETRY_MAX_MS = 2_000;
/** How many keys are tried at once to find one of a master that has few slots. */
const KEYS_TRIED = 1_000;
const NOT_REACHED = 'The cluster is not reached.';
const SUCCEEDED = 'a replica has become a master';
/** After this long nothing is on its way any more to a server that is no master. */
const LEFT_MS = 10_000;

interface Node extends Address {
  /** The connection to it, if there is one. */
  redis?: Redis | undefined;
  /** Why the last one was lost. */
  reason?: Error | undefined;
  /** When it was last named, or had slots, by performance.now(). */
  namedAt: number;
  /** A number of which a key in its slots can be made. */
  keyNumber?: number;
}

/** Commands without a key, such as TIME, are for the master that has the time since when copies are complete. */
const HOME_SLOT = slotOf(keys.completeSince);

const shuffled = <T>(list: T[]): T[] => list.toSorted(() => Math.random() - 0.5);

export class ClusterRedis extends Redis {
  private readonly first: Address;
  private readonly open: (address: Address) => Redis;
  private readonly timeLimitMs: number;
  private readonly nodes = new Map<string, Node>();
  /** Who has each slot, and all of these. */
  private owners: Node[] = [];
  private masters = new Set<Node>();
  /** How often a replica has become a master. */
  private successions = 0;
  private learning: Promise<void> | undefined;
  private recovering = false;
  /** Whether the server in the settings is to be asked first: by now its name may lead to another one. */
  private anew = true;
  private closed = false;
  private numbersTried = 0;

  /**
   * @param first the server in the settings
   * @param open makes a connection to a server, which connects with its first command, lets commands wait for that, and
   *   does not connect again
   * @param timeLimitMs how long a command may take, in milliseconds
   */
  constructor(first: Address, open: (address: Address) => Redis, timeLimitMs: number) {
    super({ lazyConnect: true });
    this.first = first;
    this.open = open;
    this.timeLimitMs = timeLimitMs;
    this.status = 'connecting';
    void this.recover();
  }

  override sendCommand(command: Command): Promise<unknown> {
    const reject = command.reject;
    const started = performance.now();
    const { successions } = this;
    let node = this.owners[command.getSlot() ?? HOME_SLOT];
    let tries = 0;
    const fail = (error: unknown) => {
      const reason = asError(error);
      if (!isRefusal(reason) && !isTimeout(reason)) this.lost(node?.reason ?? reason, node);
      reject(reason);
    };
    const send = (to: Node | undefined, isAsking = false): void => {
      node = to;
      if (!to || this.closed) {
        reject(new Error(NOT_REACHED));
        return;
      }
      const redis = this.connectionTo(to);
      if (isAsking) redis.call('ASKING').catch(() => {});
      redis.sendCommand(command);
    };
    const follow = async (where: NonNullable<Redirection>): Promise<void> => {
      if (tries++ > 0 || where.kind === 'TRYAGAIN') await sleep(PAUSE_MS);
      if (where.kind === 'MOVED') await this.learnOf(where.slot, where.address);
      if (command.isSettled) return;
      if (this.successions !== successions) fail(new Error(SUCCEEDED));
      else if (performance.now() > started + this.timeLimitMs) reject(timedOut());
      else if (where.kind === 'ASK') send(this.nodeAt(where.address), true);
      else send(this.owners[command.getSlot() ?? HOME_SLOT]);
    };
    command.reject = (error) => {
      if (command.isSettled) return;
      const where = node && redirectionIn(error, node);
      // If somebody has left the two keys of an order to two masters, that is about this order only.
      const isStuck = where?.kind === 'TRYAGAIN' && performance.now() > started + this.timeLimitMs / 2;
      if (where && !isStuck) follow(where).catch(fail);
      else fail(error);
    };
    send(node);
    return command.promise;
  }

  /** Closes all connections. @param reconnect whether to begin anew, with the server in the settings */
  override disconnect(reconnect = false): void {
    this.anew = true;
    this.closed ||= !reconnect;
    for (const node of this.nodes.values()) this.drop(node);
    if (this.closed) this.status = 'end';
    else void this.recover();
  }

  /** Waits until all masters are connected. @throws the reason why one is not */
  async connectAll(): Promise<void> {
    await Promise.all([...this.masters].map((node) => this.connected(node)));
  }

  /** The connections to all masters, always in the same order. */
  each(): Redis[] {
    return [...this.masters].map((node) => this.connectionTo(node));
  }

  /**
   * Keys that together lead to each master. One that has few slots may be left out for some calls, until a key is found.
   * @param make makes a key of a number, always in the same way
   */
  keyForEach(make: (n: number) => string): string[] {
    const ownerOf = (n: number) => this.owners[slotOf(make(n))];
    const missing = new Set<Node>();
    for (const node of this.masters)
      if (node.keyNumber === undefined || ownerOf(node.keyNumber) !== node) missing.add(node);
    for (let tries = 0; tries < KEYS_TRIED && missing.size > 0; tries++) {
      const owner = ownerOf(++this.numbersTried);
      if (owner && missing.delete(owner)) owner.keyNumber = this.numbersTried;
    }
    return [...this.masters].flatMap((node) =>
      node.keyNumber === undefined || missing.has(node) ? [] : [make(node.keyNumber)],
    );
  }

  private nodeAt({ host, port }: Address): Node {
    const name = `${host}:${port}`;
    const node: Node = this.nodes.get(name) ?? { host, port, namedAt: 0 };
    node.namedAt = performance.now();
    this.nodes.set(name, node);
    return node;
  }

  private connectionTo(node: Node): Redis {
    if (node.redis) return node.redis;
    const redis = this.open(node);
    node.redis = redis;
    node.reason = undefined;
    redis.on('error', (error) => {
      node.reason = error;
    });
    redis.on('end', () => {
      if (node.redis !== redis) return;
      node.redis = undefined;
      if (this.masters.has(node)) this.lost(node.reason ?? new Error('the connection closed'), node);
    });
    return redis;
  }

  /** Waits until a node is connected. @throws the reason why it is not */
  private async connected(node: Node): Promise<void> {
    if (this.closed) throw new Error(NOT_REACHED);
    const redis = this.connectionTo(node);
    if (redis.status === 'ready') return;
    await new Promise<void>((resolve, reject) => {
      redis.once('ready', resolve);
      redis.once('end', () => reject(node.reason ?? new Error('the connection closed')));
      if (redis.status === 'wait') redis.connect().catch(() => {});
    });
  }

  private async rangesOf(node: Node): Promise<{ ranges: Range[]; host: string }> {
    await this.connected(node);
    return { ranges: await askSlots(this.connectionTo(node)), host: node.host };
  }

  private drop(node: Node): void {
    const { redis } = node;
    node.redis = undefined;
    redis?.disconnect();
  }

  private lost(error: Error, node?: Node): void {
    if (this.closed) return;
    this.emit('error', error, node);
    this.emit('close');
    void this.recover();
  }

  /** Learns who has which slots until somebody knows. */
  private async recover(): Promise<void> {
    if (this.recovering) return;
    this.recovering = true;
    for (let tries = 0; !this.closed; tries++) {
      try {
        await this.learn();
        if (this.closed) break;
        this.status = 'ready';
        this.emit('ready');
        break;
      } catch (error) {
        if (this.closed) break;
        this.status = 'connecting';
        this.emit('error', asError(error));
        await sleep(jittered(Math.min(RETRY_MAX_MS, 50 * 2 ** Math.min(tries, 6))), undefined, {
          ref: false,
        });
      }
    }
    this.recovering = false;
  }

  /** Learns that a slot has moved. What is being learnt already may be older. */
  private async learnOf(slot: number, address: Address): Promise<void> {
    const node = this.nodeAt(address);
    for (let tries = 0; tries < 2 && this.owners[slot] !== node; tries++) await this.learn(node);
  }

  private learn(from?: Node): Promise<void> {
    this.learning ??= this.ask(from).finally(() => {
      this.learning = undefined;
    });
    return this.learning;
  }

  private async ask(from: Node | undefined): Promise<void> {
    const askOthers = () => {
      const some = from ? [from] : shuffled([...this.nodes.values()]).slice(0, ASKED_TOGETHER);
      return Promise.any(some.map((node) => this.rangesOf(node)));
    };
    const askFirst = () => {
      const node: Node = { ...this.first, namedAt: 0 };
      return this.rangesOf(node).finally(() => this.drop(node));
    };
    const [first, then] = this.anew ? [askFirst, askOthers] : [askOthers, askFirst];
    const { ranges, host } = await first().catch((error) => {
      if (this.closed) throw error;
      return then().catch(() => {
        throw error;
      });
    });
    if (this.closed) return;
    this.adopt(ranges, host);
    this.anew = false;
  }

  private adopt(ranges: Range[], asked: string): void {
    const owners = ownersIn(ranges, asked, (address) => this.nodeAt(address));
    const isSucceeded = isSuccession(this.owners, owners);
    const now = performance.now();
    for (const node of this.masters) node.namedAt = now;
    this.owners = owners;
    this.masters = new Set(
      [...new Set(owners)].sort((a, b) => a.host.localeCompare(b.host) || a.port - b.port),
    );
    for (const [name, node] of this.nodes) {
      if (this.masters.has(node) || now < node.namedAt + LEFT_MS) continue;
      this.nodes.delete(name);
      this.drop(node);
    }
    if (!isSucceeded) return;
    this.successions++;
    this.lost(new Error(SUCCEEDED));
  }
}
