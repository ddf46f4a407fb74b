/** Dead letters where they are, in RabbitMQ: also if no API runs. */

import { setTimeout as sleep } from 'node:timers/promises';
import { openCache } from '../../cache/cache.ts';
import { openDatabase } from '../../db/client.ts';
import { openLetters } from '../../jobs/letters.ts';
import { openStory } from '../../jobs/story.ts';
import { brokerAddress, environment, loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { openBroker } from '../../queue/broker.ts';
import { CommandError } from '../exit.ts';
import type { Letters } from './letters.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const PAUSE_MS = 50;
const REDIS_WITHIN_MS = 1_000;

/**
 * Connects to the servers that the settings of the service name.
 * @throws ConfigError if the settings are bad; CommandError if RabbitMQ does not answer
 */
export const lettersInQueue = async (): Promise<Letters> => {
  const config = loadConfig(environment());
  const { rabbitmq } = config;
  const broker = await openBroker(rabbitmq, unobserved);
  const cache = openCache(config, unobserved);
  const database = openDatabase(config.mysql, unobserved, { connections: 1 });
  const close = async () => {
    await Promise.all([broker.close(), cache.close(), database.close()]);
  };
  const reached = async () => {
    const deadline = performance.now() + CONNECT_TIMEOUT_MS;
    for (;;) {
      const answers = await broker.ping().then(
        () => true,
        () => false,
      );
      if (answers || performance.now() > deadline) return answers;
      await sleep(PAUSE_MS);
    }
  };
  if (!(await reached())) {
    await close();
    throw new CommandError(`RabbitMQ does not answer at ${brokerAddress(rabbitmq)}.`, 'away');
  }
  // Without Redis a letter that is replayed is not shown before it is applied.
  await cache.reachedWithin(REDIS_WITHIN_MS);
  const story = openStory(cache, database.orm, config.historyDays > 0);
  const letters = openLetters({ broker, cache, story, observer: unobserved });
  return {
    each: ({ offset, limit }, show) =>
      letters.each(offset, async (letter, place) => {
        // Letters may be large and many: no more of them than the reader takes.
        await show([letter]);
        return place + 1 < offset + limit;
      }),
    replay: letters.replay,
    discard: letters.discard,
    close,
  };
};
