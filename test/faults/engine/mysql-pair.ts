/** Two MySQL servers, of which one follows the other and can take its place. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectionOptions } from '../../../db/client.ts';
import { account, startMysql } from '../../../ops/private-servers.ts';
import { loadConfig } from '../../../process/config.ts';
import { mysqlOverTls } from '../../../testbed/tls-servers.ts';
import { type Administrator, administrate, BEGINNING, followed } from '../../helpers/mysql-replication.ts';
import { mysqlData } from './servers.ts';
import type { World } from './world.ts';

/**
 * Starts a second MySQL that follows the world's own, which must have the options `followed(1)`.
 * @returns what moves the service to the one that follows
 */
export const startMysqlPair = async (world: World) => {
  const { folder, env, certificate, mysqlBefore, secondMysqlPort: port, proxies } = world;
  const place = join(folder, 'mysql-2');
  cpSync(mysqlBefore, mysqlData(place), { recursive: true });
  const options = [...followed(2), ...(certificate ? mysqlOverTls(certificate) : [])];
  const { pid } = await startMysql({ folder: place, port, database: 'orders', ...account, options });
  const server = (at: number) =>
    administrate({ ...connectionOptions(loadConfig(env).mysql), port: at, ...account });
  let current = await server(Number(env.DB_PORT));
  let other = await server(port);
  let from = BEGINNING;
  await other.setReadOnly(true);

  return {
    /** The one that follows, once it was asked to. */
    other: (): Administrator => other,
    /** Lets the other one follow from here on. */
    follow: () => other.follow(current.port, from),
    /** Freezes the second one, and lets it go on. */
    freeze: () => process.kill(pid, 'SIGSTOP'),
    thaw: () => process.kill(pid, 'SIGCONT'),
    /**
     * Makes the other one the server, as a failover does. The old one is read-only then, follows nobody, and keeps its
     * connections.
     * @param nameFollowsMs after how long the name leads to the new one
     */
    move: async (nameFollowsMs: number): Promise<void> => {
      await other.follow(current.port, from);
      await current.setReadOnly(true);
      await other.caughtUp(await current.position());
      await other.rows('STOP SLAVE');
      await other.rows('RESET SLAVE ALL');
      from = await other.position();
      await other.setReadOnly(false);
      [current, other] = [other, current];
      env.DB_PORT = String(current.port);
      await sleep(nameFollowsMs);
      proxies.get('mysql')?.leadTo(current.port);
    },
    end: async (): Promise<void> => {
      await Promise.all([current.end(), other.end()]);
    },
  };
};
