/** Which failures are MySQL's own and pass, and which are the statement's. */

/** Codes as mysql2 and Node report them. With any of these the same work may succeed later. */
const passing = new Set([
  'ECONNREFUSED', // nothing listens: the server is down or still starting
  'ECONNRESET', // the connection was cut
  'EPIPE', // the connection was cut while we wrote
  'ETIMEDOUT', // connecting or an answer took too long
  'EHOSTUNREACH', // no route to the host
  'ENETUNREACH', // no route to the network
  'ENOTFOUND', // DNS has no answer, as during a failover
  'EAI_AGAIN', // DNS did not answer
  'PROTOCOL_CONNECTION_LOST', // the server closed the connection
  'PROTOCOL_SEQUENCE_TIMEOUT', // a statement outlived its time limit
  'ER_DISK_FULL', // 1021: somebody has to make room
  'ER_CON_COUNT_ERROR', // 1040: too many connections
  'ER_OUT_OF_RESOURCES', // 1041: out of memory
  'ER_SERVER_SHUTDOWN', // 1053: the server is stopping
  'ER_RECORD_FILE_FULL', // 1114: the table space is full
  'ER_NET_READ_ERROR', // 1158: the connection broke
  'ER_NET_READ_INTERRUPTED', // 1159: the connection timed out
  'ER_TOO_MANY_USER_CONNECTIONS', // 1203: this user has too many connections
  'ER_USER_LIMIT_REACHED', // 1226: this user has asked too often
  'ER_LOCK_WAIT_TIMEOUT', // 1205: another transaction held a lock for too long
  'ER_LOCK_DEADLOCK', // 1213: chosen as the victim of a deadlock
  'ER_UNKNOWN_COM_ERROR', // 1047: a Galera node is not ready
  'ER_HOST_IS_BLOCKED', // 1129: too many connections of this host broke
  'ER_OPTION_PREVENTS_STATEMENT', // 1290: read-only, as during a failover
  'ER_QUERY_INTERRUPTED', // 1317: somebody killed the statement
  'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION', // 1792: as during a failover
  'ER_READ_ONLY_MODE', // 1836: as during a failover
  'ER_CONNECTION_KILLED', // 1927: somebody killed the connection (MariaDB)
  'ER_CLIENT_INTERACTION_TIMEOUT', // 4031: the server closed an idle connection
]);

/** The server is there and somebody has to mend something: waiting is right for a job, not for whoever starts it. */
const forOperators = new Set([
  'ER_DBACCESS_DENIED_ERROR', // 1044: the account may not use the database
  'ER_ACCESS_DENIED_ERROR', // 1045: the password was changed
  'ER_BAD_DB_ERROR', // 1049: the database is not there, as while it is restored
  'ER_BAD_FIELD_ERROR', // 1054: the migrations have not run
  'ER_HOST_NOT_PRIVILEGED', // 1130: this host may not connect
  'ER_ACCOUNT_HAS_BEEN_LOCKED', // 3118: the account is locked
  'ER_TABLEACCESS_DENIED_ERROR', // 1142: the account may not use the table
  'ER_NO_SUCH_TABLE', // 1146: the migrations have not run
]);

/** The error's code, looked for below the errors that wrap it (drizzle-orm's DrizzleQueryError). */
const codeOf = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return undefined;
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause);
};

/** mysql2's own words without a code, for what it is asked over a connection or a pool that is no more, or too full. */
const codeless = /closed state|Pool is closed|Queue limit reached/;

/** Whether mysql2 says that the connection is of no further use, whatever the reason. */
const isFatal = (error: unknown): boolean =>
  error instanceof Error && (('fatal' in error && error.fatal === true) || isFatal(error.cause));

/** Whether MySQL is away or busy, so that the work is worth another try. */
export const isPassing = (error: unknown): boolean =>
  passing.has(codeOf(error) ?? '') || codeless.test(reasonOf(error));

/** Whether the work is not to blame: MySQL is away or busy, or does not let this service in. */
export const isSystemFailure = (error: unknown): boolean =>
  isPassing(error) || isFatal(error) || forOperators.has(codeOf(error) ?? '');

/** 1062: a row with this key exists. */
export const isDuplicate = (error: unknown): boolean => codeOf(error) === 'ER_DUP_ENTRY';

/** 1049: the database named in the settings does not exist. */
export const isUnknownDatabase = (error: unknown): boolean => codeOf(error) === 'ER_BAD_DB_ERROR';

/** The server's own words, without the statement and its values that drizzle-orm puts in front. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message || codeOf(error) || error.name;
};
