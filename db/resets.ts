/** The last reset: one row, whose version says which jobs are void. */
import { sql } from 'drizzle-orm';
import { isTime, lastVersionOf } from '../clock.ts';
import type { Orm } from './client.ts';

/**
 * The version of a reset: what is as old or older is gone.
 * @param at its time as the table has it; 0 where that is the one of a table in which there was none
 */
export const resetVersion = (at: string): number => {
  const version = lastVersionOf(Date.parse(`${at.replace(' ', 'T')}Z`));
  return isTime(version) ? version : 0;
};

/** Takes a reset back whose time is ahead of the clock, as no reset can have been. */
export const forgetReset = async (orm: Orm): Promise<void> => {
  await orm.execute(
    sql`update last_reset set at = '1970-01-01' where id = 1 and at > utc_timestamp(3) + interval 1 minute`,
  );
};
