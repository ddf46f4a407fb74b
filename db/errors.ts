/** Who is to blame for a failure: the server, or what it was asked. */
import { TlsRefusal } from '../process/tls-refusals.ts';
import { isHarmless, type Meaning, meaningOf } from './error-codes.ts';

/** Codes of errors of Node and of mysql2 that mean that the server did not answer. */
const unanswered = new Set([
  'ECONNREFUSED', // nothing listens: the server is down or still starting
  'ECONNRESET', // the connection was cut
  'ECONNABORTED', // the connection was cut
  'EPIPE', // the connection was cut while we wrote
  'ETIMEDOUT', // connecting or an answer took too long
  'EHOSTUNREACH', // no route to the host
  'EHOSTDOWN', // the host does not answer
  'ENETUNREACH', // no route to the network
  'ENETDOWN', // there is no network
  'ENOTFOUND', // DNS has no answer, as during a failover
  'EAI_AGAIN', // DNS did not answer
  'EADDRNOTAVAIL', // all ports of this machine are in use
  'EMFILE', // this process has too many files open
  'ENFILE', // this machine has too many files open
  'PROTOCOL_CONNECTION_LOST', // the server closed the connection
  'PROTOCOL_SEQUENCE_TIMEOUT', // a connection was silent for too long
  'POOL_BUSY', // all connections of our pool were in use for too long
]);

/** Those of them that mean that the connection was lost after the statement was sent. */
const cut = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'PROTOCOL_CONNECTION_LOST']);

/** mysql2's messages of errors without a code: the connection or the pool is closed, or too many wait for one. */
const codeless = /closed state|Pool is closed|Queue limit reached/;
const closed = /closed state/;

/** The first of an error and those that caused it for which `holds`. (drizzle-orm's DrizzleQueryError wraps others.) */
const find = (error: unknown, holds: (error: Error) => boolean): Error | undefined =>
  error instanceof Error ? (holds(error) ? error : find(error.cause, holds)) : undefined;

/** The number of the server's error, or undefined if it is not the server's. Node's own numbers are negative. */
const numberOf = (error: unknown): number | undefined => {
  const answer = find(error, (one) => 'errno' in one && typeof one.errno === 'number' && one.errno > 0);
  return answer && 'errno' in answer ? Number(answer.errno) : undefined;
};

const codeOf = (error: unknown): string => {
  const coded = find(error, (one) => 'code' in one && typeof one.code === 'string');
  return coded && 'code' in coded ? String(coded.code) : '';
};

/** Whether mysql2 says that the connection cannot be used any more, whatever the reason. */
const isFatal = (error: unknown): boolean =>
  find(error, (one) => 'fatal' in one && one.fatal === true) !== undefined;

const meaning = (error: unknown): Meaning | undefined => {
  const number = numberOf(error);
  return number === undefined ? undefined : meaningOf(number);
};

const isUnanswered = (error: unknown): boolean =>
  unanswered.has(codeOf(error)) ||
  find(error, ({ message }) => codeless.test(message)) !== undefined ||
  (numberOf(error) === undefined && isFatal(error));

/** Whether the server does not answer, or no longer over this connection, or takes no writes. */
export const isLost = (error: unknown): boolean =>
  isUnanswered(error) || ['full', 'away', 'readOnly'].includes(meaning(error) ?? '');

/** Whether the same work may succeed later without anybody mending anything. */
export const isPassing = (error: unknown): boolean => isLost(error) || meaning(error) === 'busy';

/**
 * Who is to blame for a failed job. job: what it asks for does not fit, or the failure has nothing to do with the
 * database. server: other jobs would have failed too. unknown: the server's error is not in the list
 * (db/error-codes.ts).
 */
export const blameOf = (error: unknown): 'job' | 'server' | 'unknown' => {
  if (meaning(error) === 'value') return 'job';
  if (meaning(error) !== undefined || isUnanswered(error)) return 'server';
  return numberOf(error) === undefined ? 'job' : 'unknown';
};

/** Whether the database failed, or may have, rather than that the request could not be served. */
export const isSystemFailure = (error: unknown): boolean => blameOf(error) !== 'job';

/** Whether a part of the same work may succeed: the server is there, and the failure is about the statement. */
export const mayBeSplit = (error: unknown): boolean => {
  const found = meaning(error);
  if (numberOf(error) === undefined) return isCut(error);
  return found === undefined || found === 'busy' || found === 'value';
};

/** Numbers of errors with which the server refuses the login of an account. */
const loginRefused = new Set([
  1045, // ER_ACCESS_DENIED_ERROR
  1698, // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
  1862, // ER_MUST_CHANGE_PASSWORD_LOGIN
  3118, // ER_ACCOUNT_HAS_BEEN_LOCKED
  4151, // ER_ACCOUNT_HAS_BEEN_LOCKED (MariaDB)
]);

/** Whether the server refuses to log us in: another password may help. */
export const isLoginRefused = (error: unknown): boolean => loginRefused.has(numberOf(error) ?? 0);

/** Whether the connection was lost, before or while the statement was under way. */
const isCut = (error: unknown): boolean => numberOf(error) === undefined && cut.has(codeOf(error));

/**
 * Whether this connection and others as old should be replaced by new ones, for which DNS is asked again. Those that
 * have logged in are of use when the login of a new one is refused.
 */
export const needsNewConnection = (error: unknown): boolean =>
  (['away', 'readOnly', 'refused'].includes(meaning(error) ?? '') && !isLoginRefused(error)) ||
  isCut(error) ||
  codeOf(error) === 'PROTOCOL_SEQUENCE_TIMEOUT';

/** Whether a read failed only because its connection was dead, or died: another one may answer. */
export const isOfDeadConnection = (error: unknown): boolean =>
  meaning(error) === 'away' ||
  isCut(error) ||
  find(error, ({ message }) => closed.test(message)) !== undefined;

/** Whether all connections of our own pool were in use. */
export const isPoolBusy = (error: unknown): boolean => codeOf(error) === 'POOL_BUSY';

/** Whether the server answers reads and refuses writes. */
export const isReadOnly = (error: unknown): boolean => meaning(error) === 'readOnly';

/** Whether the server takes no more connections than it has. Those that are open are well. */
export const isFull = (error: unknown): boolean => meaning(error) === 'full';

/** Numbers of errors with which the server says that the account has not got a right. */
const rightMissing = new Set([
  1044, // ER_DBACCESS_DENIED_ERROR
  1142, // ER_TABLEACCESS_DENIED_ERROR
  1143, // ER_COLUMNACCESS_DENIED_ERROR
  1227, // ER_SPECIFIC_ACCESS_DENIED_ERROR
]);

/** Whether the account is let in, but may not do what was asked. */
export const isRightMissing = (error: unknown): boolean => rightMissing.has(numberOf(error) ?? 0);

/** 1062: a row with this key exists. */
export const isDuplicate = (error: unknown): boolean => numberOf(error) === 1062;

/** 1205, 1213: the transaction ran into another one. Once it is rolled back it can be tried again. */
export const isLockConflict = (error: unknown): boolean => [1205, 1213].includes(numberOf(error) ?? 0);

/** 1049: the database named in the settings does not exist. */
export const isUnknownDatabase = (error: unknown): boolean => numberOf(error) === 1049;

/**
 * What went wrong, for logs and dead letters: the server's own words, without the statement that drizzle-orm puts
 * before them, and without the values that the server repeats.
 */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof TlsRefusal) return error.message;
  if (error.cause instanceof Error) return reasonOf(error.cause);
  const number = numberOf(error);
  const words = error.message || codeOf(error) || error.name;
  if (number === undefined || isHarmless(number)) return words;
  // The value itself may hold quotes. A trigger's own message may repeat any value.
  const masked = number === 1644 ? 'a trigger refused it' : words.replace(/'.*'/s, "'…'");
  return `${masked} (error ${number})`;
};
