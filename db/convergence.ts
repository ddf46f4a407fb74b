/**
 * How tables become what db/schema.ts wants, worked out from what they are. MySQL commits each statement of DDL by
 * itself, and each is there as a whole or not at all. So it does not matter where a migration was cut short, which earlier
 * version of this service made the tables, or whether SQLAlchemy did: what is missing follows from what is there.
 */
import { identifier } from './literals.ts';
import type { Column, ForeignKey, FoundTable, Index, Table } from './tables.ts';

/**
 * What rows that are older than a column get for it where a default is worked out for each new row. As a time of
 * acceptance it is behind all others.
 */
const BEFORE = "'1970-01-01 00:00:00.000'";

const list = (columns: string[]): string => columns.map(identifier).join(', ');
const isExpression = (value: string | null): value is string => value?.startsWith('(') === true;
/** As servers show it: without what is around it. */
const plain = (value: string | null): string | null =>
  value?.replace(/^\((.*)\)$|^'(.*)'$/s, '$1$2').toLowerCase() ?? null;

const characterSet = (collation: string): string => collation.split('_')[0] ?? '';

/** @param defaultValue instead of the column's own */
const definition = (column: Column, defaultValue = column.default): string =>
  [
    identifier(column.name),
    column.type,
    column.collation === null
      ? ''
      : `CHARACTER SET ${characterSet(column.collation)} COLLATE ${column.collation}`,
    column.isNullable ? 'NULL' : 'NOT NULL',
    column.isAutoIncrement ? 'AUTO_INCREMENT' : '',
    defaultValue === null ? '' : `DEFAULT ${defaultValue}`,
  ]
    .filter((word) => word !== '')
    .join(' ');

/** With a constant default; one that is worked out is set by a statement of its own (`alterDefaults`). */
const constantly = (column: Column): string =>
  definition(column, isExpression(column.default) ? BEFORE : column.default);

const indexDefinition = ({ name, columns, isUnique }: Index): string =>
  `${isUnique ? 'UNIQUE ' : ''}INDEX ${identifier(name)} (${list(columns)})`;

const keyDefinition = ({ name, column, refersTo, onDelete }: ForeignKey): string =>
  `CONSTRAINT ${identifier(name)} FOREIGN KEY (${identifier(column)}) REFERENCES ${identifier(refersTo.table)} (${identifier(refersTo.column)}) ON DELETE ${onDelete.toUpperCase()}`;

const createTable = ({ name, columns, primaryKey, indexes, foreignKeys }: Table): string =>
  `CREATE TABLE ${identifier(name)} (${[
    ...columns.map((column) => definition(column)),
    `PRIMARY KEY (${list(primaryKey)})`,
    ...indexes.map(indexDefinition),
    ...foreignKeys.map(keyDefinition),
  ].join(', ')}) ENGINE=InnoDB`;

const same = (a: string[], b: string[]): boolean => a.join() === b.join();
const isPrefix = (a: string[], b: string[]): boolean => a.length < b.length && same(a, b.slice(0, a.length));

/** Whether a column holds something else than is wanted; its default is another matter. */
const differs = (wanted: Column, found: Column): boolean =>
  wanted.type !== found.type ||
  wanted.collation !== found.collation ||
  wanted.isNullable !== found.isNullable ||
  wanted.isAutoIncrement !== found.isAutoIncrement;

/** Those columns of a table that are there and have to change. */
export const changedColumns = (wanted: Table, found: FoundTable | undefined): Column[] =>
  wanted.columns.filter((column) => {
    const existing = found?.columns.find(({ name }) => name === column.name);
    return existing !== undefined && differs(column, existing);
  });

const isSameKey = (a: ForeignKey, b: ForeignKey): boolean =>
  a.name === b.name &&
  a.column === b.column &&
  a.refersTo.table === b.refersTo.table &&
  a.refersTo.column === b.refersTo.column &&
  a.onDelete === b.onDelete;

/** The foreign keys to drop: those that are not wanted, and those with a column at either end that has to change. */
const droppedKeys = (
  wanted: Table,
  found: FoundTable,
  isChanging: (table: string, column: string) => boolean,
) =>
  found.foreignKeys.filter(
    (key) =>
      wanted.columns.some(({ name }) => name === key.column) &&
      (!wanted.foreignKeys.some((one) => isSameKey(one, key)) ||
        isChanging(wanted.name, key.column) ||
        isChanging(key.refersTo.table, key.refersTo.column)),
  );

const alterTable = (wanted: Table, found: FoundTable, dropped: ForeignKey[]): string[] => {
  const kept = found.foreignKeys.filter((key) => !dropped.includes(key));
  const changes = [
    ...changedColumns(wanted, found).map((column) => `MODIFY COLUMN ${constantly(column)}`),
    ...wanted.columns
      .filter(({ name }) => !found.columns.some((column) => column.name === name))
      .map((column) => `ADD COLUMN ${constantly(column)}`),
    ...(same(wanted.primaryKey, found.primaryKey)
      ? []
      : [
          ...(found.primaryKey.length > 0 ? ['DROP PRIMARY KEY'] : []),
          `ADD PRIMARY KEY (${list(wanted.primaryKey)})`,
        ]),
    // The primary key serves what they did.
    ...found.indexes
      .filter(({ columns, isUnique }) => !isUnique && isPrefix(columns, wanted.primaryKey))
      .map(({ name }) => `DROP INDEX ${identifier(name)}`),
    ...wanted.indexes
      .filter((index) => !found.indexes.some(({ columns }) => same(columns, index.columns)))
      .map((index) => `ADD ${indexDefinition(index)}`),
    ...wanted.foreignKeys
      .filter((key) => !kept.some((one) => isSameKey(one, key)))
      .map((key) => `ADD ${keyDefinition(key)}`),
    ...(found.engine === 'InnoDB' ? [] : ['ENGINE=InnoDB']),
  ];
  return changes.length === 0 ? [] : [`ALTER TABLE ${identifier(wanted.name)} ${changes.join(', ')}`];
};

/**
 * MySQL refuses to add a column with a default that is worked out for each row; to give it one later costs nothing.
 */
const alterDefaults = (wanted: Table, found: FoundTable): string[] =>
  wanted.columns
    .filter((column) => {
      const existing = found.columns.find(({ name }) => name === column.name);
      const isNew = existing === undefined || differs(column, existing);
      return isNew ? isExpression(column.default) : plain(existing.default) !== plain(column.default);
    })
    .map(
      ({ name, default: value }) =>
        `ALTER TABLE ${identifier(wanted.name)} ALTER COLUMN ${identifier(name)} ${value === null ? 'DROP DEFAULT' : `SET DEFAULT ${value}`}`,
    );

/** What is to be done, in this order. */
interface Convergence {
  /** Foreign keys are dropped, as a column at one of their ends changes or they are others than wanted. */
  keys: string[];
  /** Tables are created and altered. */
  tables: string[];
}

/**
 * @param wanted each table after those that it refers to
 * @param found those of the tables that are there
 * @returns statements to run one after the other; none where everything is as it is wanted
 */
export const convergence = (wanted: Table[], found: ReadonlyMap<string, FoundTable>): Convergence => {
  const changing = new Set(
    wanted.flatMap((table) =>
      changedColumns(table, found.get(table.name)).map(({ name }) => `${table.name}.${name}`),
    ),
  );
  const isChanging = (table: string, column: string) => changing.has(`${table}.${column}`);
  const existing = wanted.flatMap((table) => {
    const there = found.get(table.name);
    return there ? [{ table, there, dropped: droppedKeys(table, there, isChanging) }] : [];
  });
  return {
    keys: existing.flatMap(({ table, dropped }) =>
      dropped.map(({ name }) => `ALTER TABLE ${identifier(table.name)} DROP FOREIGN KEY ${identifier(name)}`),
    ),
    tables: [
      ...wanted.flatMap((table) => {
        const one = existing.find((candidate) => candidate.table === table);
        return one ? alterTable(table, one.there, one.dropped) : [createTable(table)];
      }),
      ...existing.flatMap(({ table, there }) => alterDefaults(table, there)),
    ],
  };
};
