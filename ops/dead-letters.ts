/** `npm run dead-letters -- list | replay [job_id …] | discard [job_id …]`: the same as /admin/dead-letters. */
import { once } from 'node:events';
import { openCache } from '../cache/cache.ts';
import { openDatabase } from '../db/client.ts';
import { openLetters } from '../jobs/letters.ts';
import { openStory } from '../jobs/story.ts';
import { brokerAddress, ConfigError, environment, loadConfig } from '../process/config.ts';
import { unobserved } from '../process/log-events.ts';
import { openBroker } from '../queue/broker.ts';
import { runCommand } from './command.ts';
import { waitFor } from './processes.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const REDIS_WITHIN_MS = 1_000;
const usage = 'Usage: npm run dead-letters -- list | replay [job_id …] | discard [job_id …]';

const run = async ([command, ...jobIds]: string[]): Promise<void> => {
  if (!command || !['list', 'replay', 'discard'].includes(command)) throw new ConfigError(usage);
  const config = loadConfig(environment());
  const { rabbitmq } = config;
  const broker = await openBroker(rabbitmq, unobserved);
  const cache = openCache(config, unobserved);
  const database = openDatabase(config.mysql, unobserved, { connections: 1 });
  try {
    const reaches = () =>
      broker.ping().then(
        () => true,
        () => undefined,
      );
    if (!(await waitFor(reaches, CONNECT_TIMEOUT_MS)))
      throw new ConfigError(`RabbitMQ does not answer at ${brokerAddress(rabbitmq)}.`);
    // Without Redis a letter that is replayed is not shown before it is applied.
    await cache.reachedWithin(REDIS_WITHIN_MS);
    const story = openStory(cache, database.orm, config.historyDays > 0);
    const letters = openLetters({ broker, cache, story, observer: unobserved });
    const chosen = jobIds.length > 0 ? jobIds : undefined;
    if (command === 'list')
      await letters.each(0, async (letter) => {
        // Letters may be large and many: no more of them than the reader takes.
        if (!process.stdout.write(`${JSON.stringify(letter)}\n`)) await once(process.stdout, 'drain');
        return true;
      });
    if (command === 'replay') console.log(`Replayed ${await letters.replay(chosen)} dead letters.`);
    if (command === 'discard') console.log(`Discarded ${await letters.discard(chosen)} dead letters.`);
  } finally {
    await Promise.all([broker.close(), cache.close(), database.close()]);
  }
};

// The reader of the list has closed the pipe.
process.stdout.on('error', () => process.exit(1));
await runCommand(() => run(process.argv.slice(2)));
