/** Reads rows as mysql2 gives them. */
import type { SQL } from 'drizzle-orm';
import type { Orm, Transaction } from './pool.ts';

/**
 * Reads the rows of a query. Their columns are named and typed as MySQL gives them: nothing checks them against `Row`.
 * @throws the database's error
 */
export const readRows = async <Row>(orm: Pick<Orm | Transaction, 'execute'>, query: SQL): Promise<Row[]> => {
  const [rows] = await orm.execute(query);
  return rows as unknown as Row[];
};
