/** MySQL servers of which one follows another (MariaDB's words: MySQL 8.4 has others). */
import { type ConnectionOptions, createConnection, type RowDataPacket } from 'mysql2/promise';

const CAUGHT_UP_WITHIN_SECONDS = 60;

/** The options of a server that others can follow. @param id that of no other one */
export const followed = (id: number): string[] => [
  '--log-bin=binlog',
  '--binlog-format=ROW',
  `--server-id=${id}`,
];

/** Whoever follows a server from here on gets all that it was not given before. */
export interface Position {
  file: string;
  position: number;
}
/** Where the log of a server begins that had none before. */
export const BEGINNING: Position = { file: 'binlog.000001', position: 4 };

/** An administrator of a server: where that is read-only he writes all the same. Servers that follow log in as he does. */
export const administrate = async (options: ConnectionOptions & { port: number }) => {
  const { port, user, password } = options;
  const connection = await createConnection(options);
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
        `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${source}, MASTER_USER = '${user}',
           MASTER_PASSWORD = '${password}', MASTER_LOG_FILE = '${file}', MASTER_LOG_POS = ${position},
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
export type Administrator = Awaited<ReturnType<typeof administrate>>;
