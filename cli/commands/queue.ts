/** `orders queue convert`. */
import type { Command } from 'commander';
import { environment, loadConfig } from '../../process/config.ts';
import { contextOf } from '../context.ts';

export const addQueueCommands = (program: Command): void => {
  program
    .command('queue')
    .description('the queue of jobs')
    .command('convert')
    .description('make a classic queue a quorum queue, while it is used; asks RabbitMQ itself')
    .action(async (_options: object, command: Command) => {
      const { out } = contextOf(command);
      const { convertQueue } = await import('../../queue/convert.ts');
      await convertQueue(loadConfig(environment()).rabbitmq, out.say);
    });
};
