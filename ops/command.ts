/** How a command of the shell ends. */
import { ConfigError } from '../process/config.ts';
import { PublishError } from '../queue/errors.ts';

/** What keeps a command from its work. The message is one sentence for the person who gave it. */
export class CommandError extends Error {
  readonly exitCode: number;
  /** @param exitCode 2 for what was asked for wrongly, 130 for Ctrl-C, as in shells */
  constructor(sentence: string, exitCode: 1 | 2 | 130 = 1) {
    super(sentence);
    this.exitCode = exitCode;
  }
}

/** Errors whose message is a sentence for the person who gave the command. */
const expected = [CommandError, ConfigError, PublishError];

/** Runs a command and shows what keeps it from its work. */
export const runCommand = async (run: () => Promise<void>): Promise<void> => {
  try {
    await run();
  } catch (error) {
    const isExpected = error instanceof Error && expected.some((kind) => error instanceof kind);
    console.error(isExpected ? error.message : error);
    process.exitCode = error instanceof CommandError ? error.exitCode : 1;
  }
};
