/** What a table looks like: as db/schema.ts wants it, and as the server's information schema says that it is. */
import { SQL } from 'drizzle-orm';
import { getTableConfig, type MySqlColumn, MySqlDialect, type MySqlTable } from 'drizzle-orm/mysql-core';
import type { Connection } from 'mysql2/promise';
import { format, literal } from './literals.ts';

export interface Column {
  name: string;
  /** In lower case, without a width that only says how a number is displayed: `varchar(80)`, `bigint unsigned`. */
  type: string;
  /** Of a text; null of everything else. */
  collation: string | null;
  isNullable: boolean;
  isAutoIncrement: boolean;
  /** As SQL; null where there is none. */
  default: string | null;
}

export interface Index {
  name: string;
  columns: string[];
  isUnique: boolean;
}

export interface ForeignKey {
  name: string;
  column: string;
  refersTo: { table: string; column: string };
  /** `cascade`, `restrict`, `no action`, … */
  onDelete: string;
}

export interface Table {
  name: string;
  columns: Column[];
  primaryKey: string[];
  /** All but the primary key. */
  indexes: Index[];
  foreignKeys: ForeignKey[];
}

/** Of a table that is there. */
export interface FoundTable extends Table {
  /** `BASE TABLE`, `VIEW`, … */
  kind: string;
  /** `InnoDB`, … */
  engine: string;
  isPartitioned: boolean;
  /** Foreign keys of tables that are none of the service's. */
  referredToBy: { table: string; name: string }[];
}

/** MySQL 8 shows no width of an integer, MariaDB and older servers do. Only `tinyint(1)` has one everywhere. */
const plainType = (type: string): string =>
  type
    .toLowerCase()
    .replace(/^boolean$/, 'tinyint')
    .replace(/^(\w*int)\(\d+\)/, '$1');

const dialect = new MySqlDialect();

const wantedDefault = ({ default: value }: MySqlColumn): string | null => {
  if (value === undefined || value === null) return null;
  if (value instanceof SQL) return dialect.sqlToQuery(value).sql;
  return typeof value === 'boolean' ? String(Number(value)) : literal(value);
};

const wantedColumn = (column: MySqlColumn): Column => {
  const [type = '', collation = null] = column.getSQLType().split(/ character set \w+ collate /);
  return {
    name: column.name,
    type: plainType(type),
    collation,
    isNullable: !column.notNull,
    isAutoIncrement: 'autoIncrement' in column && column.autoIncrement === true,
    default: wantedDefault(column),
  };
};

/** What a table of db/schema.ts comes to. */
export const wantedTable = (table: MySqlTable): Table => {
  const { name, columns, primaryKeys, indexes, foreignKeys } = getTableConfig(table);
  const single = columns.filter((column) => column.primary);
  return {
    name,
    columns: columns.map(wantedColumn),
    primaryKey: (primaryKeys[0]?.columns ?? single).map((column) => column.name),
    indexes: indexes.map(({ config }) => ({
      name: config.name,
      columns: config.columns.map((column) => ('name' in column ? column.name : '')),
      isUnique: config.unique === true,
    })),
    foreignKeys: foreignKeys.map((key) => {
      const { columns: from, foreignColumns: to, foreignTable } = key.reference();
      return {
        name: key.getName(),
        column: from[0]?.name ?? '',
        refersTo: { table: getTableConfig(foreignTable).name, column: to[0]?.name ?? '' },
        onDelete: key.onDelete ?? 'no action',
      };
    }),
  };
};

type Row = Record<string, string | number | null>;
const text = (value: string | number | null | undefined): string => String(value ?? '');

const foundColumn = (row: Row): Column => ({
  name: text(row.name),
  type: plainType(text(row.type)),
  collation: row.collation === null ? null : text(row.collation),
  isNullable: row.nullable === 'YES',
  isAutoIncrement: text(row.extra).includes('auto_increment'),
  // MariaDB says NULL where there is none.
  default: row.default_value === null || row.default_value === 'NULL' ? null : text(row.default_value),
});

const grouped = (rows: Row[]): Map<string, Row[]> => {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(text(row.name), [...(groups.get(text(row.name)) ?? []), row]);
  return groups;
};

/**
 * Those of the tables that are in the connection's database. Needs no right but to read them.
 * @throws the database's error
 */
export const readTables = async (
  connection: Pick<Connection, 'query'>,
  names: string[],
): Promise<Map<string, FoundTable>> => {
  const ask = async (statement: string): Promise<Row[]> => {
    const [rows] = await connection.query(format(statement, [names]));
    return rows as Row[];
  };
  const here = 'table_schema = DATABASE() AND table_name IN (?)';
  const tables = await ask(
    `SELECT table_name AS table_name, table_type AS kind, engine AS engine, create_options AS options
     FROM information_schema.tables WHERE ${here}`,
  );
  const columns = await ask(
    `SELECT table_name AS table_name, column_name AS name, column_type AS type, collation_name AS collation,
       is_nullable AS nullable, column_default AS default_value, extra AS extra
     FROM information_schema.columns WHERE ${here} ORDER BY ordinal_position`,
  );
  const indexes = await ask(
    `SELECT table_name AS table_name, index_name AS name, column_name AS column_name, non_unique AS non_unique
     FROM information_schema.statistics WHERE ${here} ORDER BY seq_in_index`,
  );
  const keys = await ask(
    `SELECT used.table_name AS table_name, used.constraint_name AS name, used.column_name AS column_name,
       used.referenced_table_name AS to_table, used.referenced_column_name AS to_column, rules.delete_rule AS on_delete
     FROM information_schema.key_column_usage AS used
     JOIN information_schema.referential_constraints AS rules
       ON rules.constraint_schema = used.constraint_schema AND rules.constraint_name = used.constraint_name
       AND rules.table_name = used.table_name
     WHERE used.table_schema = DATABASE() AND used.referenced_table_schema = DATABASE()
       AND used.referenced_table_name IN (?)`,
  );
  return new Map(
    tables.map((table) => {
      const name = text(table.table_name);
      const own = (rows: Row[]) => rows.filter((row) => row.table_name === name);
      const { PRIMARY: primary = [], ...others } = Object.fromEntries(grouped(own(indexes)));
      const names = (rows: Row[]) => rows.map((row) => text(row.column_name));
      return [
        name,
        {
          name,
          kind: text(table.kind),
          engine: text(table.engine),
          isPartitioned: text(table.options).includes('partitioned'),
          columns: own(columns).map(foundColumn),
          primaryKey: names(primary),
          indexes: Object.entries(others).map(([index, rows]) => ({
            name: index,
            columns: names(rows),
            isUnique: Number(rows[0]?.non_unique) === 0,
          })),
          foreignKeys: own(keys).map((row) => ({
            name: text(row.name),
            column: text(row.column_name),
            refersTo: { table: text(row.to_table), column: text(row.to_column) },
            onDelete: text(row.on_delete).toLowerCase(),
          })),
          referredToBy: keys
            .filter(
              (row) => row.to_table === name && !tables.some((one) => one.table_name === row.table_name),
            )
            .map((row) => ({ table: text(row.table_name), name: text(row.name) })),
        },
      ];
    }),
  );
};
