/**
 * The arguments of `spawn` for a child process that runs as if a person had started it. tap makes every child process
 * load tap's own module, by setting NODE_OPTIONS after `spawn` has been told the environment. So the program is started
 * by `env`, which takes NODE_OPTIONS away and then becomes the program: PID, signals and exit code are the program's.
 */
export const withoutTap = (program: string, ...args: string[]): [command: string, args: string[]] => [
  'env',
  ['-u', 'NODE_OPTIONS', program, ...args],
];
