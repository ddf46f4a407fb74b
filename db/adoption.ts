/**
 * Whether tables that this service did not make can become its own without losing anything. All is asked before the first
 * change; what does not fit is told with the row or the column and what to do, and nothing is touched.
 */
import type { Connection } from 'mysql2/promise';
import { changedColumns } from './convergence.ts';
import { identifier } from './literals.ts';
import type { Column, FoundTable, Table } from './tables.ts';

/** A table cannot be adopted. The message has a sentence for each reason. */
export class AdoptionError extends Error {
  override name = 'AdoptionError';
}

const AGAIN = 'then start this again. Nothing was changed.';

/** What may become what without another meaning. */
const convertible: [wanted: RegExp, found: RegExp][] = [
  [/^(var)?char\(/, /^((var)?char\(|(tiny|medium|long)?text)/],
  [/^(big)?int/, /^(tiny|small|medium|big)?int/],
  [/^tinyint/, /^tinyint|^bit\(1\)/],
  [/^datetime/, /^(datetime|timestamp)/],
];
const isConvertible = (wanted: Column, found: Column): boolean =>
  wanted.type === found.type ||
  convertible.some(([to, from]) => to.test(wanted.type) && from.test(found.type));

const needsValue = ({ isNullable, isAutoIncrement, default: value }: Column): boolean =>
  !isNullable && !isAutoIncrement && value === null;

const columnProblems = (wanted: Table, found: FoundTable): string[] => {
  const { name } = wanted;
  const isOwn = changedColumns(wanted, found).length === 0;
  return found.columns.flatMap((column) => {
    const known = wanted.columns.find((one) => one.name === column.name);
    if (known && !isConvertible(known, column))
      return [
        `${name}.${column.name} is ${column.type}, expected ${known.type}: change it, or rename the table if it is another program's, ${AGAIN}`,
      ];
    if (known || (isOwn && !needsValue(column))) return [];
    return [
      `The table ${name} has a column ${column.name} that is not known here: move it to another table or drop it, or rename the table if it is another program's, ${AGAIN}`,
    ];
  });
};

/** @param required columns that the table has always had */
const tableProblems = (wanted: Table, found: FoundTable, required: string[]): string[] => {
  const { name } = wanted;
  if (found.kind !== 'BASE TABLE')
    return [`${name} is a ${found.kind.toLowerCase()}, expected a table: rename it, ${AGAIN}`];
  const missing = required.filter((column) => !found.columns.some((one) => one.name === column));
  if (missing.length > 0)
    return [
      `The table ${name} has no column ${missing.join(', ')}, so it is another program's: rename it, or name another database in DB_NAME, ${AGAIN}`,
    ];
  const changes = changedColumns(wanted, found).map((column) => column.name);
  return [
    ...columnProblems(wanted, found),
    ...(found.isPartitioned
      ? [
          `The table ${name} is partitioned, and foreign keys need one that is not: ALTER TABLE ${name} REMOVE PARTITIONING, ${AGAIN}`,
        ]
      : []),
    ...found.indexes
      .filter(
        ({ isUnique, columns }) =>
          isUnique && !wanted.indexes.some((one) => one.columns.join() === columns.join()),
      )
      .map(
        (index) =>
          `The table ${name} has a unique index ${index.name} on ${index.columns.join(', ')}, which would refuse orders: drop it, ${AGAIN}`,
      ),
    ...found.referredToBy
      .filter(() => changes.length > 0)
      .map(
        (key) =>
          `The table ${key.table} refers to ${name} by the foreign key ${key.name}, so that the type of ${name}.${wanted.primaryKey[0]} cannot change: drop that key, ${AGAIN}`,
      ),
  ];
};

/** A row that does not fit. */
interface RowCheck {
  table: string;
  /** It is looked for where this column has to change. */
  column: string;
  /** The rows that do not fit. */
  where: string;
  /** What of the row is shown, as SQL. */
  shown: string;
  /** Completes "3 rows have …, such as …". */
  what: string;
}

const UUID = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';
const limited = (table: string, column: string, most: number, id: string): RowCheck => ({
  table,
  column,
  where: `${column} IS NULL OR CHAR_LENGTH(${column}) > ${most}`,
  shown: `CONCAT(${id}, ' with ', COALESCE(CONCAT(CHAR_LENGTH(${column}), ' characters'), 'NULL'))`,
  what: `a ${column} that is no text of up to ${most} characters`,
});

const rowChecks: RowCheck[] = [
  {
    table: 'orders',
    column: 'id',
    where: `LOWER(id) NOT REGEXP '${UUID}'`,
    shown: 'id',
    what: 'an id that is no UUID',
  },
  limited('orders', 'customer_name', 80, 'id'),
  limited('orders', 'status', 20, 'id'),
  {
    table: 'order_items',
    column: 'id',
    where: 'id < 0',
    shown: 'id',
    what: 'an id below 0',
  },
  limited('order_items', 'item_name', 80, 'id'),
  {
    table: 'order_items',
    column: 'quantity',
    where: 'quantity IS NULL OR quantity NOT BETWEEN -2147483648 AND 2147483647',
    shown: "CONCAT(id, ' with ', COALESCE(quantity, 'NULL'))",
    what: 'a quantity that is no integer up to 2147483647',
  },
];

/** Items without an order cannot be where no foreign key has looked after that. */
const orphans: RowCheck = {
  table: 'order_items',
  column: 'order_id',
  where:
    'order_id IS NULL OR NOT EXISTS (SELECT 1 FROM orders WHERE orders.id IN (order_items.order_id, LOWER(order_items.order_id)))',
  shown: "CONCAT(id, ' of order ', COALESCE(order_id, 'NULL'))",
  what: 'an order_id of no order',
};
/** Ids are lower-case; a column that told them apart by case may have two that become one. */
const twins: RowCheck = {
  table: 'orders',
  column: 'id',
  where:
    'CAST(id AS BINARY) <> CAST(LOWER(id) AS BINARY) AND EXISTS (SELECT 1 FROM orders AS other WHERE other.id = LOWER(orders.id) AND CAST(other.id AS BINARY) <> CAST(orders.id AS BINARY))',
  shown: 'id',
  what: 'an id that differs from another one only in upper and lower case',
};

const rowProblem = async (connection: Pick<Connection, 'query'>, check: RowCheck): Promise<string[]> => {
  const { table, where, shown, what } = check;
  const [rows] = await connection.query(
    `SELECT COUNT(*) AS number, MIN(${shown}) AS example FROM ${identifier(table)} WHERE ${where}`,
  );
  const [{ number, example } = { number: 0, example: '' }] = rows as { number: number; example: string }[];
  if (Number(number) === 0) return [];
  return [
    `${table}: ${number} ${Number(number) === 1 ? 'row has' : 'rows have'} ${what}, such as ${example}: change or remove them, ${AGAIN}`,
  ];
};

/**
 * Columns that a table had from the first version of this service on, and in the Flask service. The other tables are
 * this service's own.
 */
const required: Record<string, string[]> = {
  orders: ['id', 'customer_name', 'status'],
  order_items: ['id', 'order_id', 'item_name', 'quantity'],
};

/**
 * Asks whether the tables that are there can become what is wanted.
 * @throws AdoptionError with what is in the way, or the database's error
 */
export const checkAdoption = async (
  connection: Pick<Connection, 'query'>,
  wanted: Table[],
  found: ReadonlyMap<string, FoundTable>,
): Promise<void> => {
  const existing = wanted.flatMap((table) => {
    const there = found.get(table.name);
    return there ? [{ table, there }] : [];
  });
  const problems = existing.flatMap(({ table, there }) =>
    tableProblems(table, there, required[table.name] ?? []),
  );
  if (problems.length > 0) throw new AdoptionError(problems.join('\n'));
  const changes = new Set(
    existing.flatMap(({ table, there }) =>
      changedColumns(table, there).map(({ name }) => `${table.name}.${name}`),
    ),
  );
  const items = found.get('order_items');
  const checks = [
    ...rowChecks.filter(({ table, column }) => changes.has(`${table}.${column}`)),
    ...(found.has('orders') && items?.foreignKeys.length === 0 ? [orphans] : []),
    ...(changes.has('orders.id') ? [twins] : []),
  ];
  for (const check of checks) problems.push(...(await rowProblem(connection, check)));
  if (problems.length > 0) throw new AdoptionError(problems.join('\n'));
};

/** Statements that make ids lower-case, where their columns are about to tell upper from lower case. */
export const lowerCaseIds = (wanted: Table[], found: ReadonlyMap<string, FoundTable>): string[] =>
  [
    ['orders', 'id'],
    ['order_items', 'order_id'],
  ].flatMap(([table = '', column = '']) => {
    const target = wanted.find(({ name }) => name === table);
    const isChanging = target && changedColumns(target, found.get(table)).some(({ name }) => name === column);
    return isChanging
      ? [
          `UPDATE ${table} SET ${column} = LOWER(${column}) WHERE CAST(${column} AS BINARY) <> CAST(LOWER(${column}) AS BINARY)`,
        ]
      : [];
  });
