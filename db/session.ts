/** Sets up each connection before its first statement, whatever the server, its init_connect or the driver have set. */

/**
 * Variables that our statements rely on. MySQL and MariaDB both have them, and every account may set them for itself.
 */
const variables = [
  // Values that do not fit are errors, not cut. No mode that changes what a text or an operator means.
  "sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
  "time_zone = '+00:00'",
  'character_set_client = utf8mb4',
  'character_set_results = utf8mb4',
  // Its default collation too, which literals with `_utf8mb4` in front have as well.
  'character_set_connection = utf8mb4',
  // A statement outside a transaction commits.
  'autocommit = 1',
  // After COMMIT no transaction is open, and the connection is.
  'completion_type = 0',
  // Deleting an order deletes its items.
  'foreign_key_checks = 1',
  'unique_checks = 1',
  // Lists are whole, and any statement may run.
  'sql_select_limit = 18446744073709551615',
  'sql_big_selects = 1',
  'sql_safe_updates = 0',
  'sql_auto_is_null = 0',
  // For migrations: only InnoDB has transactions.
  'default_storage_engine = InnoDB',
];

/**
 * With READ COMMITTED a row that is not found locks no gap into which others insert, and each statement sees what
 * others have committed by then. The variable has different names in MySQL and MariaDB, the statement is the same.
 */
const ISOLATION = 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED';

interface Connection {
  query(statement: string): Promise<unknown>;
}

/**
 * Sets a new connection up.
 * @param more assignments of variables that only some connections need, such as `lock_wait_timeout = 10`
 * @throws the database's error; then the connection must not be used
 */
export const setUpSession = async (connection: Connection, more: string[] = []): Promise<void> => {
  await connection.query(`SET ${[...variables, ...more].join(', ')}`);
  await connection.query(ISOLATION);
};
