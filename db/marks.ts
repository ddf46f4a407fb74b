/**
 * How new a replica is, known without comparing clocks: a process writes its own time again and again into a row of its
 * own at the primary, where it is a mark. What it sees of its marks at a replica tells that everything is there that was
 * committed before that time, as a replica commits in the order of the primary
 * (https://dev.mysql.com/doc/refman/8.4/en/replication-options-replica.html#sysvar_replica_preserve_commit_order).
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { format } from './literals.ts';
import type { Orm } from './pool.ts';
import { runEach } from './statements.ts';

/** How often marks are written at the most. */
const INTERVAL_MS = 50;
/** Rows of processes that ended without removing them. */
const PRUNE = 'DELETE FROM read_marks WHERE at < UTC_TIMESTAMP() - INTERVAL 1 DAY';

const toMark = (time: number): number => Math.floor(time * 1_000);
/** What a mark says, as performance.now() of this process. @param mark null where there is none */
export const timeOfMark = (mark: number | null): number =>
  mark === null ? Number.NEGATIVE_INFINITY : mark / 1_000;

/** Makes the marks of a process. All times are performance.now(). */
export const createMarks = (primary: Orm) => {
  const reader = randomUUID();
  let written = Number.NEGATIVE_INFINITY;
  let began = Number.NEGATIVE_INFINITY;
  let writing: Promise<void> | undefined;

  const write = async (): Promise<void> => {
    await sleep(Math.max(0, began + INTERVAL_MS - performance.now()), undefined, { ref: false });
    const isFirst = began === Number.NEGATIVE_INFINITY;
    began = performance.now();
    const mark = toMark(began);
    const set = 'mark = ?, at = UTC_TIMESTAMP(3)';
    const statement = `INSERT INTO read_marks SET reader = ?, ${set} ON DUPLICATE KEY UPDATE ${set}`;
    await runEach(primary, [...(isFirst ? [PRUNE] : []), format(statement, [reader, mark, mark])]);
    written = timeOfMark(mark);
  };

  return {
    /** A query for the newest mark that a server has, to be put into another one. */
    newest: `(SELECT mark FROM read_marks WHERE reader = '${reader}')`,

    /**
     * Makes sure that there is a mark at the primary from after a time. All who ask meanwhile share it.
     * @returns the time of the newest mark
     * @throws the database's error
     */
    from: async (since: number): Promise<number> => {
      while (written < since) {
        writing ??= write().finally(() => {
          writing = undefined;
        });
        await writing;
      }
      return written;
    },

    /** Removes them. @throws the database's error */
    remove: async (): Promise<void> => {
      await primary.execute(sql`delete from read_marks where reader = ${reader}`);
    },
  };
};
export type Marks = ReturnType<typeof createMarks>;
