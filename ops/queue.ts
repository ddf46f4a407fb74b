/** `npm run queue -- convert`: makes a classic queue of jobs a quorum queue. */
import { ConfigError, environment, loadConfig } from '../process/config.ts';
import { convertQueue } from '../queue/convert.ts';
import { runCommand } from './command.ts';
import { outliveReaders } from './output.ts';

const usage = 'Usage: npm run queue -- convert';

const run = async ([command, ...others]: string[]): Promise<void> => {
  if (command !== 'convert' || others.length > 0) throw new ConfigError(usage);
  await convertQueue(loadConfig(environment()).rabbitmq, console.log);
};

outliveReaders();
await runCommand(() => run(process.argv.slice(2)));
