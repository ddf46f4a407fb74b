/**
 * Words that MySQL 8.4 reserves and MariaDB does not, so that no test against MariaDB would find one that is used as a
 * name (https://dev.mysql.com/doc/refman/8.4/en/keywords.html).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getTableConfig } from 'drizzle-orm/mysql-core';
import t from 'tap';
import { tables } from '../../db/schema.ts';

const reserved = new Set(
  `cube cume_dist dense_rank empty first_value function generated get grouping groups io_after_gtids io_before_gtids
   json_table lag last_value lateral lead manual nth_value ntile of optimizer_costs parallel percent_rank qualify rank
   recursive row row_number stored system tablesample virtual window`.split(/\s+/),
);

const folder = join(import.meta.dirname, '../../db');
/** What is written between quotes in a file, if it may be SQL: without comments, and without texts inside of it. */
const statementsIn = (file: string): string[] =>
  readFileSync(join(folder, file), 'utf8')
    .replaceAll(/\/\*.*?\*\/|^\s*\/\/.*$/gms, '')
    .match(/`[^`]*`|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g)
    ?.filter((text) => /\b(select|insert|update|delete|from|set|where|order by|alter|create)\b/i.test(text))
    .map((text) => text.slice(1, -1).replaceAll(/'[^']*'|\$\{[^{}]*\}/g, '')) ?? [];
const wordsIn = (statement: string) => statement.toLowerCase().match(/[a-z_]+/g) ?? [];

t.test('no statement has one', async (t) => {
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));
  let count = 0;
  for (const file of files)
    for (const statement of statementsIn(file)) {
      count++;
      t.strictSame(
        wordsIn(statement).filter((word) => reserved.has(word)),
        [],
        `${file}: ${statement}`,
      );
    }
  t.ok(count > 30, `${count} statements were looked at`);
});

t.test('no table or column is called so', async (t) => {
  for (const table of tables) {
    const { name, columns } = getTableConfig(table);
    for (const one of [name, ...columns.map((column) => column.name)]) t.notOk(reserved.has(one), one);
  }
});
