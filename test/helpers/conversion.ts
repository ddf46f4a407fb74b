/** What the tests of `npx orders queue convert` have in common: the command, from the build, and a queue to convert. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ChannelModel, Options } from 'amqplib';
import type { Test } from 'tap';
import { loadConfig } from '../../process/config.ts';
import { kindOf } from '../../queue/arguments.ts';
import { connectOnce } from '../../queue/connection.ts';
import { convertingQueue, isThere, onChannel } from '../../queue/topology.ts';
import { withoutTap } from '../../testbed/spawn.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from './environment.ts';

const program = fileURLToPath(new URL('../../dist/cli/orders.js', import.meta.url));
export const PATIENCE_MS = 120_000;

/** Starts the command. */
export const start = (t: Test, env: NodeJS.ProcessEnv, ...args: string[]) => {
  const [command, options] = withoutTap(process.execPath, program, 'queue', ...args);
  const child = spawn(command, options, { env, cwd: t.testdir(), stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (text) => {
      said[name] += text;
    });
  const ended = once(child, 'close').then(([code]) => ({ code, ...said }));
  t.teardown(() => child.kill('SIGKILL'));
  return { child, said, ended };
};
export const run = (t: Test, env: NodeJS.ProcessEnv, ...args: string[]) => start(t, env, ...args).ended;

/** The queue as an older service has left it, and a connection to look at it. */
export const classicQueue = async (t: Test, args: Options.AssertQueue = {}) => {
  const env = await isolatedEnvironment();
  const { rabbitmq } = loadConfig(env);
  const { queue } = rabbitmq;
  const model = await connectOnce(rabbitmq, 'test');
  t.teardown(() => model.close());
  await onChannel(model, (channel) => channel.assertQueue(queue, { durable: true, ...args }));
  return { env, queue, model, converting: convertingQueue(queue) };
};

/** Publishes numbers from 0 on, `most` of them or until it is stopped; those that were returned do not count. */
export const publishNumbers = async (
  model: ChannelModel,
  queue: string,
  { name, most = Number.POSITIVE_INFINITY, pauseMs }: { name: string; most?: number; pauseMs?: number },
) => {
  const channel = await model.createConfirmChannel();
  const returned = new Set<number>();
  channel.on('return', ({ properties }) => returned.add(Number(properties.messageId)));
  let published = 0;
  let stopped = false;
  const publishAll = async () => {
    while (!stopped && published < most) {
      const number = published++;
      const body = Buffer.from(JSON.stringify({ name, number }));
      channel.sendToQueue(queue, body, { persistent: true, mandatory: true, messageId: `${number}` });
      if (pauseMs !== undefined) await sleep(pauseMs);
      else if (number % 500 === 499) await channel.waitForConfirms();
    }
    await channel.waitForConfirms();
    await channel.close();
  };
  const done = publishAll();
  return {
    done,
    /** @returns what the broker has taken, in the order in which it was published */
    stop: async (): Promise<number[]> => {
      stopped = true;
      await done;
      return Array.from({ length: published }, (_, i) => i).filter((number) => !returned.has(number));
    },
  };
};

/** Takes all that waits out of the queue, in the order in which consumers take it. */
export const takeNumbers = async (model: ChannelModel, queue: string): Promise<Map<string, number[]>> => {
  const taken = new Map<string, number[]>();
  for (const from of [convertingQueue(queue), queue]) {
    if (!(await isThere(model, from))) continue;
    await onChannel(model, async (channel) => {
      const { messageCount } = await channel.checkQueue(from);
      let left = messageCount;
      await channel.consume(
        from,
        (message) => {
          const { name, number } = JSON.parse(String(message?.content));
          const numbers = taken.get(name) ?? [];
          taken.set(name, numbers);
          numbers.push(number);
          left--;
        },
        { noAck: true },
      );
      await until(`${from} is empty`, () => left === 0, PATIENCE_MS);
    });
  }
  return taken;
};
export const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
export const count = (model: ChannelModel, queue: string) =>
  onChannel(model, async (channel) => (await channel.checkQueue(queue)).messageCount);
export const isQuorum = async (model: ChannelModel, queue: string) =>
  (await kindOf(model, queue))?.type === 'quorum';
