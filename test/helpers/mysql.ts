/** A MySQL of a test's own, whose settings it may change. */
import { randomUUID } from 'node:crypto';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { freePort } from '../../ops/ports.ts';
import { startMysql, stopServer } from '../../ops/private-servers.ts';
import { commandLine } from '../../ops/processes.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';

/** The account of the service. Unlike that of the tests' shared server it may do nothing to the server. */
const ACCOUNT = { user: 'service', password: 'service' };

/**
 * Starts it; stopped when the test ends.
 * @param options more options of the server
 * @returns the variables that point the service at it, and what looks into it as an administrator
 */
export const startOwnMysql = async (t: Teardown, options: string[] = []) => {
  const folder = scratchFolder(t, stopServer);
  const port = await freePort();
  const administrator = { user: 'orders', password: 'orders', database: 'orders' };
  const start = () => startMysql({ folder, port, ...administrator, options });
  const open = async () => {
    const opened = await createConnection({ port, ...administrator, dateStrings: true });
    opened.on('error', () => {});
    return opened;
  };
  let { pid } = await start();
  let connection = await open();
  t.teardown(() => connection.destroy());
  const rows = async (sql: string): Promise<RowDataPacket[]> => {
    const [found] = await connection.query<RowDataPacket[]>(sql);
    return found;
  };
  const database = `orders_${randomUUID().slice(0, 8)}`;
  await rows(`CREATE USER '${ACCOUNT.user}'@'%' IDENTIFIED BY '${ACCOUNT.password}'`);
  await rows(`GRANT ALL ON ${database}.* TO '${ACCOUNT.user}'@'%'`);

  return {
    database,
    rows,
    account: `'${ACCOUNT.user}'@'%'`,
    env: {
      DB_HOST: '127.0.0.1',
      DB_PORT: String(port),
      DB_USER: ACCOUNT.user,
      DB_PASS: ACCOUNT.password,
      DB_NAME: database,
    },
    /** Kills the server and starts it again. */
    crash: async (): Promise<void> => {
      process.kill(pid, 'SIGKILL');
      await until('the server is dead', () => commandLine(pid) === '');
      connection.destroy();
      ({ pid } = await start());
      connection = await open();
    },
    freeze: () => process.kill(pid, 'SIGSTOP'),
    thaw: () => process.kill(pid, 'SIGCONT'),
    /** Ends the service's connections: those that it makes next find the server as it is set now. */
    cut: async (): Promise<void> => {
      // It may have ended by itself.
      for (const { id } of await rows(
        `SELECT id FROM information_schema.processlist WHERE user = '${ACCOUNT.user}'`,
      ))
        await rows(`KILL ${id}`).catch(() => {});
    },
  };
};
