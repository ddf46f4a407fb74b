#!/usr/bin/env node
/** `npx orders`: the service from the command line. */
import { CommanderError } from 'commander';
import { ConfigError } from '../process/config-error.ts';
import { codeOf, PublishError } from '../queue/errors.ts';
import { CommandError, type Ending, exitCodes, ReaderGone } from './exit.ts';
import { makeProgram } from './program.ts';

/** Says what kept the command from its work, if that is not said yet. @returns the exit code */
const tell = (error: unknown): number => {
  const say = (text: unknown, ending: Ending = 'failed') => {
    console.error(text);
    return exitCodes[ending].code;
  };
  if (error instanceof ReaderGone) return exitCodes.done.code;
  if (error instanceof CommanderError) return exitCodes[error.exitCode === 0 ? 'done' : 'usage'].code;
  if (error instanceof ConfigError) return say(error.message);
  if (error instanceof PublishError) {
    // A broker that says why it refuses is there.
    const isAway = error.outcome !== 'impossible' && codeOf(error) === undefined;
    return say(error.message, isAway ? 'away' : 'failed');
  }
  if (!(error instanceof CommandError)) return say(error);
  console.error(error.message);
  return error.exitCode;
};

try {
  await makeProgram().parseAsync();
} catch (error) {
  process.exitCode = tell(error);
}
