/** A private Redis. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivate, requireProgram, runningServer, type ServerPlace, startServer } from './server.ts';

export interface PrivateRedis extends ServerPlace {
  password?: string;
  /** How many numbered databases it has. */
  databases?: number;
  /** More settings by name. */
  settings?: Record<string, string>;
}

/** A password as an ACL file has it (https://redis.io/docs/latest/commands/acl-setuser/). */
const passwordHash = (password: string): string => createHash('sha256').update(password).digest('hex');

/**
 * Starts Redis in its folder, or finds it running, and waits until it answers. It gets its settings as arguments, not
 * in a file: if Redis does not find the file, as Redis 7 does not below a folder named a[2], it starts with its
 * defaults and listens on all addresses. If it does not find the file with its password, it does not start.
 * @returns its PID
 * @throws Error with the last lines of its log if it does not start
 */
export const startRedis = async (redis: PrivateRedis): Promise<{ pid: number }> => {
  const { folder, port, password, databases = 16 } = redis;
  const server = { backend: 'redis', folder, port } as const;
  const running = await runningServer(server);
  if (running) return running;
  makePrivate(folder);
  const users = `user default on ${password ? `#${passwordHash(password)}` : 'nopass'} ~* &* +@all\n`;
  writeFileSync(join(folder, 'users.acl'), users, { mode: 0o600 });
  const settings = {
    bind: '127.0.0.1',
    port,
    dir: `${folder}/`,
    databases,
    // Not for the cache: so that who wrote an order can still read it after a restart, while the write waits.
    appendonly: 'yes',
    save: '',
    // The command line stays as it was given, to be told from another Redis's.
    'set-proc-title': 'no',
    // In `dir`.
    aclfile: 'users.acl',
    ...redis.settings,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const command = requireProgram('redis-server', 'valkey-server');
  return startServer({ ...server, command, args, env: process.env });
};
