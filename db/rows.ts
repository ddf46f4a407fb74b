/** Rows as mysql2 has them, for reads whose number counts. */
import type { SQL } from 'drizzle-orm';
import type { Orm, Transaction } from './client.ts';

/** The query builder's own mapping takes longer than all the rest of a large answer. */
export const readRows = async <Row>(orm: Pick<Orm | Transaction, 'execute'>, query: SQL): Promise<Row[]> => {
  const [rows] = await orm.execute(query);
  return rows as unknown as Row[];
};
