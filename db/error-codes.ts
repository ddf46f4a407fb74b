/**
 * The meaning of the errors with which MySQL 8.4 and MariaDB 10.11 answer statements, by their numbers
 * (https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html,
 * https://mariadb.com/kb/en/mariadb-error-codes/). It is made from their whole lists. An error that is not here either
 * cannot be the answer to one of our statements, or does not tell who is to blame.
 */

/**
 * value: a value in the statement does not fit, so its job is to blame.
 * busy: the server cannot do it at present.
 * full: there is no room for another connection; those that are open are well.
 * away: this connection is of no more use, or none can be made.
 * readOnly: this connection is of no more use, as the server answers reads but refuses writes.
 * refused: this connection is of no more use, until somebody mends accounts, privileges or tables.
 */
export type Meaning = 'value' | 'busy' | 'full' | 'away' | 'readOnly' | 'refused';

const meanings: Record<Meaning, number[]> = {
  value: [
    1022, // ER_DUP_KEY
    1048, // ER_BAD_NULL_ERROR
    1062, // ER_DUP_ENTRY
    1138, // ER_INVALID_USE_OF_NULL
    1153, // ER_NET_PACKET_TOO_LARGE: there is nothing left to split
    1162, // ER_TOO_LONG_STRING: longer than max_allowed_packet
    1169, // ER_DUP_UNIQUE
    1216, // ER_NO_REFERENCED_ROW
    1217, // ER_ROW_IS_REFERENCED
    1263, // ER_WARN_NULL_TO_NOTNULL
    1264, // ER_WARN_DATA_OUT_OF_RANGE
    1265, // WARN_DATA_TRUNCATED
    1292, // ER_TRUNCATED_WRONG_VALUE
    1300, // ER_INVALID_CHARACTER_STRING
    1301, // ER_WARN_ALLOWED_PACKET_OVERFLOWED
    1364, // ER_NO_DEFAULT_FOR_FIELD
    1366, // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
    1367, // ER_ILLEGAL_VALUE_FOR_TYPE
    1369, // ER_VIEW_CHECK_FAILED
    1406, // ER_DATA_TOO_LONG
    1411, // ER_WRONG_VALUE_FOR_TYPE
    1441, // ER_DATETIME_FUNCTION_OVERFLOW
    1451, // ER_ROW_IS_REFERENCED_2
    1452, // ER_NO_REFERENCED_ROW_2
    1525, // ER_WRONG_VALUE
    1526, // ER_NO_PARTITION_FOR_GIVEN_VALUE
    1586, // ER_DUP_ENTRY_WITH_KEY_NAME
    1644, // ER_SIGNAL_EXCEPTION: somebody's trigger does not want it
    1690, // ER_DATA_OUT_OF_RANGE
    1748, // ER_ROW_DOES_NOT_MATCH_GIVEN_PARTITION_SET
    1761, // ER_FOREIGN_DUPLICATE_KEY_WITH_CHILD_INFO
    1762, // ER_FOREIGN_DUPLICATE_KEY_WITHOUT_CHILD_INFO
    1859, // ER_DUP_UNKNOWN_IN_INDEX
    1916, // ER_DATA_OVERFLOW (MariaDB)
    1917, // ER_DATA_TRUNCATED (MariaDB)
    1918, // ER_BAD_DATA (MariaDB)
    1977, // ER_CANNOT_CONVERT_CHARACTER (MariaDB)
    3673, // ER_BAD_NULL_ERROR_NOT_IGNORED
    3819, // ER_CHECK_CONSTRAINT_VIOLATED
    3854, // ER_CANNOT_CONVERT_STRING
    3988, // ER_IMPOSSIBLE_STRING_CONVERSION
    4025, // ER_CONSTRAINT_FAILED (MariaDB)
    4074, // ER_VALUE_OUT_OF_RANGE
  ],
  busy: [
    1004, // ER_CANT_CREATE_FILE: no room for a temporary one
    1015, // ER_CANT_LOCK
    1016, // ER_CANT_OPEN_FILE: too many are open
    1020, // ER_CHECKREAD: the row has changed since it was read
    1021, // ER_DISK_FULL
    1023, // ER_ERROR_ON_CLOSE
    1024, // ER_ERROR_ON_READ
    1026, // ER_ERROR_ON_WRITE
    1028, // ER_FILSORT_ABORT
    1030, // ER_GET_ERRNO: the storage engine failed
    1034, // ER_NOT_KEYFILE: an index is corrupt
    1037, // ER_OUTOFMEMORY
    1038, // ER_OUT_OF_SORTMEMORY
    1041, // ER_OUT_OF_RESOURCES
    1114, // ER_RECORD_FILE_FULL: the table space is full
    1119, // ER_STACK_OVERRUN
    1180, // ER_ERROR_DURING_COMMIT
    1181, // ER_ERROR_DURING_ROLLBACK
    1194, // ER_CRASHED_ON_USAGE
    1195, // ER_CRASHED_ON_REPAIR
    1197, // ER_TRANS_CACHE_FULL: the binary log's cache
    1205, // ER_LOCK_WAIT_TIMEOUT
    1206, // ER_LOCK_TABLE_FULL
    1213, // ER_LOCK_DEADLOCK
    1257, // ER_ZLIB_Z_MEM_ERROR
    1296, // ER_GET_ERRMSG: from a storage engine
    1297, // ER_GET_TEMPORARY_ERRMSG: from a storage engine
    1317, // ER_QUERY_INTERRUPTED: somebody killed the statement
    1412, // ER_TABLE_DEF_CHANGED: while the transaction went on
    1436, // ER_STACK_OVERRUN_NEED_MORE
    1467, // ER_AUTOINC_READ_FAILED: no next number to be had
    1534, // ER_BINLOG_ROW_LOGGING_FAILED
    1587, // ER_BINLOG_PURGE_EMFILE: too many files are open
    1593, // ER_BINLOG_FATAL_ERROR
    1598, // ER_BINLOG_LOGGING_IMPOSSIBLE
    1613, // ER_XA_RBTIMEOUT
    1614, // ER_XA_RBDEADLOCK
    1615, // ER_NEED_REPREPARE
    1637, // ER_TOO_MANY_CONCURRENT_TRXS
    1665, // ER_BINLOG_STMT_MODE_AND_ROW_ENGINE: binlog_format is STATEMENT
    1689, // ER_LOCK_ABORTED: for a lock that excludes others
    1712, // ER_INDEX_CORRUPT
    1713, // ER_UNDO_RECORD_TOO_BIG
    1785, // ER_GTID_UNSAFE_NON_TRANSACTIONAL_TABLE
    1810, // ER_IO_READ_ERROR
    1811, // ER_IO_WRITE_ERROR
    1812, // ER_TABLESPACE_MISSING
    1814, // ER_TABLESPACE_DISCARDED
    1815, // ER_INTERNAL_ERROR
    1817, // ER_INNODB_INDEX_CORRUPT
    1877, // ER_TABLE_CORRUPT
    1878, // ER_TEMP_FILE_WRITE_FAILURE
    1931, // ER_QUERY_RESULT_INCOMPLETE (MariaDB): too many rows were looked at
    1964, // ER_PRIOR_COMMIT_FAILED (MariaDB)
    1969, // ER_STATEMENT_TIMEOUT (MariaDB): max_statement_time
    3015, // ER_ENGINE_OUT_OF_MEMORY
    3019, // ER_INNODB_UNDO_LOG_FULL
    3024, // ER_QUERY_TIMEOUT: max_execution_time
    3044, // ER_STD_BAD_ALLOC_ERROR
    3058, // ER_USER_LOCK_DEADLOCK
    3098, // ER_BEFORE_DML_VALIDATION_ERROR: group replication does not allow it
    3100, // ER_RUN_HOOK_ERROR: group replication, around a commit
    3101, // ER_TRANSACTION_ROLLBACK_DURING_COMMIT: group replication found a conflict
    3166, // ER_BUFPOOL_RESIZE_INPROGRESS
    3170, // ER_CAPACITY_EXCEEDED: of memory
    3171, // ER_CAPACITY_EXCEEDED_IN_RANGE_OPTIMIZER
    3177, // ER_LOCK_REFUSED_BY_ENGINE
    3186, // ER_CAPACITY_EXCEEDED_IN_PARSER
    3231, // ER_WRITE_SET_EXCEEDS_LIMIT
    3572, // ER_LOCK_NOWAIT
    3675, // ER_DISK_FULL_NOWAIT
    3781, // ER_GR_HOLD_WAIT_TIMEOUT
    3782, // ER_GR_HOLD_KILLED
    3783, // ER_GR_HOLD_MEMBER_STATUS_ERROR
    3796, // ER_GRP_TRX_CONSISTENCY_NOT_ALLOWED
    3797, // ER_GRP_TRX_CONSISTENCY_BEFORE
    3798, // ER_GRP_TRX_CONSISTENCY_AFTER_ON_TRX_BEGIN
    3985, // ER_MDL_OUT_OF_RESOURCES
    4094, // ER_OPERATION_NOT_ALLOWED_WHILE_PRIMARY_CHANGE_IS_RUNNING
  ],
  full: [
    1040, // ER_CON_COUNT_ERROR: too many connections
    1135, // ER_CANT_CREATE_THREAD
    1203, // ER_TOO_MANY_USER_CONNECTIONS
    1226, // ER_USER_LIMIT_REACHED: this user has connected or asked too often
    4081, // ER_DA_GLOBAL_CONN_LIMIT
    4082, // ER_DA_CONN_LIMIT
  ],
  away: [
    1042, // ER_BAD_HOST_ERROR: the server cannot resolve our address
    1043, // ER_HANDSHAKE_ERROR
    1047, // ER_UNKNOWN_COM_ERROR: a Galera node is not ready
    1053, // ER_SERVER_SHUTDOWN
    1077, // ER_NORMAL_SHUTDOWN
    1079, // ER_SHUTDOWN_COMPLETE
    1080, // ER_FORCING_CLOSE
    1081, // ER_IPSOCK_ERROR
    1129, // ER_HOST_IS_BLOCKED: too many connections of this host broke
    1152, // ER_ABORTING_CONNECTION
    1154, // ER_NET_READ_ERROR_FROM_PIPE
    1155, // ER_NET_FCNTL_ERROR
    1156, // ER_NET_PACKETS_OUT_OF_ORDER
    1157, // ER_NET_UNCOMPRESS_ERROR
    1158, // ER_NET_READ_ERROR
    1159, // ER_NET_READ_INTERRUPTED
    1160, // ER_NET_ERROR_ON_WRITE
    1161, // ER_NET_WRITE_INTERRUPTED
    1184, // ER_NEW_ABORTING_CONNECTION: init_connect fails
    1192, // ER_LOCK_OR_ACTIVE_TRANSACTION: the session is not as it was left
    1223, // ER_CANT_UPDATE_WITH_READLOCK: the session holds a lock that we did not take
    1243, // ER_UNKNOWN_STMT_HANDLER: prepared on another server, as behind a proxy
    1461, // ER_MAX_PREPARED_STMT_COUNT_REACHED: those of the connection go with it
    1568, // ER_CANT_CHANGE_TX_CHARACTERISTICS: a transaction is open that we did not begin
    1835, // ER_MALFORMED_PACKET
    1927, // ER_CONNECTION_KILLED (MariaDB)
    3032, // ER_SERVER_OFFLINE_MODE
    3168, // ER_SERVER_ISNT_AVAILABLE
    3169, // ER_SESSION_WAS_KILLED
    4031, // ER_CLIENT_INTERACTION_TIMEOUT
  ],
  readOnly: [
    1036, // ER_OPEN_AS_READONLY
    1099, // ER_TABLE_NOT_LOCKED_FOR_WRITE
    1290, // ER_OPTION_PREVENTS_STATEMENT: read_only, as during a failover
    1792, // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
    1836, // ER_READ_ONLY_MODE
    1874, // ER_INNODB_READ_ONLY
    1881, // ER_INNODB_FORCED_RECOVERY
    3989, // ER_SCHEMA_READ_ONLY
    4049, // ER_OPERATION_NOT_ALLOWED_ON_GR_SECONDARY
  ],
  refused: [
    1044, // ER_DBACCESS_DENIED_ERROR
    1045, // ER_ACCESS_DENIED_ERROR: the password was changed
    1046, // ER_NO_DB_ERROR
    1049, // ER_BAD_DB_ERROR: the database is not there, as while it is restored
    1054, // ER_BAD_FIELD_ERROR: the migrations have not run
    1130, // ER_HOST_NOT_PRIVILEGED
    1142, // ER_TABLEACCESS_DENIED_ERROR
    1143, // ER_COLUMNACCESS_DENIED_ERROR
    1146, // ER_NO_SUCH_TABLE: the migrations have not run
    1148, // ER_NOT_ALLOWED_COMMAND
    1193, // ER_UNKNOWN_SYSTEM_VARIABLE
    1227, // ER_SPECIFIC_ACCESS_DENIED_ERROR
    1231, // ER_WRONG_VALUE_FOR_VAR
    1251, // ER_NOT_SUPPORTED_AUTH_MODE
    1275, // ER_SERVER_IS_IN_SECURE_AUTH_MODE
    1286, // ER_UNKNOWN_STORAGE_ENGINE
    1370, // ER_PROCACCESS_DENIED_ERROR: of a trigger
    1449, // ER_NO_SUCH_USER: whom a trigger or a view acts for
    1524, // ER_PLUGIN_IS_NOT_LOADED
    1698, // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    1820, // ER_MUST_CHANGE_PASSWORD
    1862, // ER_MUST_CHANGE_PASSWORD_LOGIN
    1873, // ER_ACCESS_DENIED_CHANGE_USER_ERROR
    1932, // ER_NO_SUCH_TABLE_IN_ENGINE (MariaDB)
    3118, // ER_ACCOUNT_HAS_BEEN_LOCKED
    3159, // ER_SECURE_TRANSPORT_REQUIRED
    3879, // ER_DB_ACCESS_DENIED
    3955, // ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK
    4150, // ER_USER_IS_BLOCKED (MariaDB): too many wrong passwords
    4151, // ER_ACCOUNT_HAS_BEEN_LOCKED (MariaDB)
  ],
};

const byNumber = new Map(
  (Object.entries(meanings) as [Meaning, number[]][]).flatMap(([meaning, numbers]) =>
    numbers.map((number) => [number, meaning] as const),
  ),
);

/** Lower numbers are errors of files and of memory, such as no room for a temporary table. */
const FIRST_OF_SERVER = 1_000;

/** What an error means. @param number the server's @returns undefined if it is not in the list */
export const meaningOf = (number: number): Meaning | undefined =>
  number < FIRST_OF_SERVER ? 'busy' : byNumber.get(number);

/** Those errors of the kind `value` whose messages name columns and keys, but never the value. */
const wordsAreOurs = new Set([
  1048, 1153, 1162, 1216, 1217, 1263, 1264, 1265, 1364, 1369, 1406, 1451, 1452, 3673, 3819, 4025,
]);

/** Whether the message of an error contains nothing that a client wrote. @param number the server's */
export const isHarmless = (number: number): boolean => {
  const meaning = meaningOf(number);
  return meaning === 'value' ? wordsAreOurs.has(number) : meaning !== undefined;
};
