/** A private Redis. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivate, requireProgram, runningServer, type ServerPlace, startServer } from './server.ts';

export interface PrivateRedis extends ServerPlace {
  password?: string;
  /** How many numbered databases it has. */
  databases?: number;
}

/** Every byte as \xHH, so that no character of it has a meaning in redis.conf. */
const quoted = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;

/**
 * Starts Redis in its folder, or finds it running, and waits until it answers.
 * @returns its PID
 * @throws Error with the last lines of its log when it does not start
 */
export const startRedis = async (redis: PrivateRedis): Promise<{ pid: number }> => {
  const { folder, port, password, databases = 16 } = redis;
  const server = { backend: 'redis', folder, port } as const;
  const running = await runningServer(server);
  if (running) return running;
  makePrivate(folder);
  const file = join(folder, 'redis.conf');
  const settings = [
    'bind 127.0.0.1',
    `port ${port}`,
    `databases ${databases}`,
    // Not for the cache: so that who wrote an order can still read it after a restart, while the write waits.
    'appendonly yes',
    'save ""',
    // The command line stays as it was given, to be told from another Redis's.
    'set-proc-title no',
    ...(password ? [`requirepass ${quoted(password)}`] : []),
  ];
  writeFileSync(file, `${settings.join('\n')}\n`, { mode: 0o600 });
  const command = requireProgram('redis-server', 'valkey-server');
  return startServer({ ...server, command, args: [file], env: process.env });
};
