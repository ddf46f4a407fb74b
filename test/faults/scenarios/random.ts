/** Everything at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { workersOf } from '../../../ops/workers.ts';
import { setMemoryAlarm } from '../engine/faults.ts';
import { createRandom } from '../engine/random.ts';
import type { Context, Scenario } from '../engine/scenario.ts';
import { SHORT_LIFE_MS, shortLived } from './stores.ts';

/** A quorum queue of RabbitMQ 3.10 may not survive a SIGKILL within a second of its declaration. */
const QUEUES_SETTLE_MS = 3_000;
const SHORT_MS = 10_000;
/** How long a server may be frozen. */
const FREEZE_MS = { full: 12_000, short: 3_000 };

/** What may happen. Each heals by itself or is healed when it returns. */
const faults: ((context: Context) => Promise<unknown>)[] = [
  async ({ world, random }) => random.pick(world.consumers).kill(),
  async ({ world, random }) => {
    const workers = await workersOf(random.pick(world.apis).pid());
    if (workers.length > 0) process.kill(random.pick(workers), 'SIGKILL');
  },
  async ({ world, random }) => random.pick([...world.apis, ...world.consumers]).kill('SIGTERM'),
  async ({ world, random }) => {
    const server = random.pick([world.servers.mysql, world.servers.redis, world.servers.rabbitmq]);
    await server.kill();
    await sleep(random.integer(0, 2_000));
    await server.start();
    if (server === world.servers.rabbitmq) await sleep(QUEUES_SETTLE_MS);
  },
  async ({ world, random, full }) => {
    const server = random.pick([world.servers.mysql, world.servers.redis, world.servers.rabbitmq]);
    server.freeze();
    await sleep(random.integer(100, full ? FREEZE_MS.full : FREEZE_MS.short));
    server.thaw();
  },
  async ({ world, random }) => {
    await setMemoryAlarm(world, true);
    await sleep(random.integer(1_000, 2_000));
    await setMemoryAlarm(world, false);
  },
  async ({ world, random }) => random.pick([...world.proxies.values()]).cut(() => random.chance(0.5)),
  async ({ world, random }) => {
    const proxy = random.pick([...world.proxies.values()]);
    proxy.swallow(true);
    await sleep(random.integer(100, 3_000));
    proxy.swallow(false);
  },
  async ({ world }) => {
    const redis = new Redis(world.env.REDIS_URL ?? '');
    await redis.flushall();
    redis.disconnect();
  },
];

export const randomScenarios: Scenario[] = [
  {
    number: 23,
    title: 'everything at once at random',
    world: { proxied: true, env: shortLived },
    load: { keyed: true },
    forgetsKeys: true,
    readYourWrites: false,
    shownAfterMs: SHORT_LIFE_MS,
    accepted: 5_000,
    faults: async (context) => {
      const { full, hours, random } = context;
      const until = Date.now() + (hours * 3_600_000 || (full ? 600_000 : SHORT_MS));
      await sleep(QUEUES_SETTLE_MS);
      while (Date.now() < until) {
        // What one fault draws, as one number for each connection, must not change the next.
        const own = createRandom(random.integer(0, 2 ** 32 - 1));
        await random.pick(faults)({ ...context, random: own });
        await sleep(random.integer(0, 1_000));
      }
    },
  },
];
