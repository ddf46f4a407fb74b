/** The command line: its commands, and the options of all of them. */
import { Command, Option } from 'commander';
import { addAdminCommands } from './commands/admin.ts';
import { addCreateCommand } from './commands/create.ts';
import { addDeadCommands } from './commands/dead.ts';
import { addEventCommands } from './commands/events.ts';
import { addJobCommands } from './commands/jobs.ts';
import { addLoadCommand } from './commands/load.ts';
import { addOrderCommands } from './commands/orders.ts';
import { addQueueCommands } from './commands/queue.ts';
import { addStatusCommands } from './commands/status.ts';
import { exitCodes } from './exit.ts';
import { serverUrl } from './options.ts';
import { formats } from './output.ts';

const listOfCodes = (): string =>
  Object.values(exitCodes)
    .map(({ code, means }) => `${String(code).padStart(5)}  ${means}\n`)
    .join('');

/** @returns the program; what it cannot read it throws as CommanderError */
export const makeProgram = (): Command => {
  const program = new Command('orders')
    .description('Looks after the orders service: its orders, its jobs, its dead letters.')
    .option('--url <url>', 'where the API is (default: ORDERS_URL, otherwise HOST and PORT)', serverUrl)
    .addOption(
      new Option('-o, --output <format>', 'tables for people, JSON for scripts')
        .choices(formats)
        .default('table'),
    )
    .option('-y, --yes', 'do not ask before something that cannot be undone')
    .exitOverride()
    .showHelpAfterError('(--help says what is)')
    .addHelpText(
      'after',
      '\nhelp <command> says more of a command, help exit-codes what the exit codes mean.',
    );

  addStatusCommands(program);
  addOrderCommands(program);
  addCreateCommand(program);
  addJobCommands(program);
  addDeadCommands(program);
  addEventCommands(program);
  addAdminCommands(program);
  addQueueCommands(program);
  addLoadCommand(program);
  program
    .command('exit-codes', { hidden: true })
    .description('what the exit codes mean')
    .configureHelp({ formatHelp: () => `Exit codes:\n${listOfCodes()}` })
    .action((_options: object, command: Command) => command.outputHelp());
  return program;
};
