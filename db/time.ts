/** MySQL's clock. */
import { sql } from 'drizzle-orm';
import type { Orm } from './pool.ts';
import { readRows } from './rows.ts';

/** An expression for MySQL's time in microseconds since 1970, whatever the session's time zone is. */
export const NOW = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";

/** MySQL's time in microseconds since 1970. @throws the database's error */
export const readTime = async (orm: Orm): Promise<number> => {
  const [row] = await readRows<{ now: number }>(orm, sql`select ${sql.raw(NOW)} as now`);
  return Number(row?.now);
};
