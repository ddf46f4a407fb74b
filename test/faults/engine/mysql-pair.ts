/** Two MySQL servers, of which one follows the other and can take its place. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../../db/client.ts';
import { freePort } from '../../../ops/ports.ts';
import { account, startMysql } from '../../../ops/private-servers.ts';
import { loadConfig } from '../../../process/config.ts';
import { mysqlOverTls } from '../../../testbed/tls-servers.ts';
import { mysqlData } from './servers.ts';
import type { World } from './world.ts';

const CAUGHT_UP_WITHIN_SECONDS = 60;

/** The options of a server that others can follow. @param id that of no other one */
export const followed = (id: number): string[] => [
  '--log-bin=binlog',
  '--binlog-format=ROW',
  `--server-id=${id}`,
];

/** Whoever follows a server from here on gets all that it was not given before. */
interface Position {
  file: string;
  position: number;
}
/** Where the first server's log begins, with which a world begins. */
const BEGINNING: Position = { file: 'binlog.000001', position: 4 };

/** An administrator of a server: where that is read-only he writes all the same. */
const administrate = async (env: NodeJS.ProcessEnv, port: number) => {
  const connection = await createConnection(connectionOptions({ ...loadConfig(env).mysql, port }));
  const rows = async (statement: string): Promise<RowDataPacket[]> => {
    const [found] = await connection.query<RowDataPacket[]>(statement);
    return found;
  };
  return {
    port,
    rows,
    setReadOnly: (isReadOnly: boolean) => rows(`SET GLOBAL read_only = ${isReadOnly}`),
    position: async (): Promise<Position> => {
      const [status] = await rows('SHOW MASTER STATUS');
      return { file: status?.File, position: Number(status?.Position) };
    },
    follow: async (source: number, { file, position }: Position): Promise<void> => {
      await rows(
        `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${source}, MASTER_USER = '${account.user}',
           MASTER_PASSWORD = '${account.password}', MASTER_LOG_FILE = '${file}', MASTER_LOG_POS = ${position},
           MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = no`,
      );
      await rows('START SLAVE');
    },
    /** Waits until it has everything of the server that it follows, up to a place in that one's log. */
    caughtUp: async ({ file, position }: Position): Promise<void> => {
      const [row] = await rows(
        `SELECT MASTER_POS_WAIT('${file}', ${position}, ${CAUGHT_UP_WITHIN_SECONDS}) AS events`,
      );
      if (row?.events === null || row?.events < 0) throw new Error('A MySQL did not follow the other one.');
    },
    end: () => connection.end(),
  };
};
type Administrator = Awaited<ReturnType<typeof administrate>>;

/**
 * Starts a second MySQL that follows the world's own, which must have the options `followed(1)`.
 * @returns what moves the service to the one that follows
 */
export const startMysqlPair = async (world: World) => {
  const { folder, env, certificate, mysqlBefore, proxies } = world;
  const port = await freePort();
  const place = join(folder, 'mysql-2');
  cpSync(mysqlBefore, mysqlData(place), { recursive: true });
  const options = [...followed(2), ...(certificate ? mysqlOverTls(certificate) : [])];
  await startMysql({ folder: place, port, database: 'orders', ...account, options });
  let current = await administrate(env, Number(env.DB_PORT));
  let other = await administrate(env, port);
  let from = BEGINNING;
  await other.setReadOnly(true);

  return {
    /** The one that the service writes to. */
    current: (): Administrator => current,
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
