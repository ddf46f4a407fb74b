/** How the command ends: its exit codes, and the errors that lead to them. */

/** What each exit code means, as `orders help exit-codes` lists them. */
export const exitCodes = {
  done: { code: 0, means: 'done' },
  failed: { code: 1, means: 'failed: it was refused, there is no such order or job, or a setting is bad' },
  usage: { code: 2, means: 'what was asked for is not understood, or is not done without --yes' },
  notAllowed: { code: 4, means: 'not allowed: the admin password is missing or wrong' },
  away: { code: 5, means: 'a server is away: the API, or one that it needs for this' },
  dead: { code: 6, means: 'the job is a dead letter' },
  late: { code: 7, means: 'the wait is over, and the job is not' },
  interrupted: { code: 130, means: 'interrupted, as by Ctrl-C' },
} as const;
export type Ending = keyof typeof exitCodes;

/** What keeps a command from its work. The message is one sentence for the person who gave it. */
export class CommandError extends Error {
  readonly exitCode: number;
  constructor(sentence: string, ending: Ending = 'failed') {
    super(sentence);
    this.exitCode = exitCodes[ending].code;
  }
}

/** Whoever read standard output has gone, as in `orders list | head`: there is nobody to write for, and nothing is wrong. */
export class ReaderGone extends Error {}
