/**
 * What `spawn` is given for a child process that runs as a person would start it: tap has every child process load
 * tap's own module first, by NODE_OPTIONS, which it sets after all that `spawn` is told of the environment. `env`
 * takes it away and becomes the program: its PID, signals and exit code are the program's.
 */
export const withoutTap = (program: string, ...args: string[]): [command: string, args: string[]] => [
  'env',
  ['-u', 'NODE_OPTIONS', program, ...args],
];
