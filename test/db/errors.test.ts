/** Who is to blame for an error, and what is logged of it. */
import t from 'tap';
import { blameOf, isPassing, mayBeSplit, needsNewConnection, reasonOf } from '../../db/errors.ts';

/** An error of the server as mysql2 throws it, inside the one of drizzle-orm. */
const answered = (errno: number, message = 'words') =>
  new Error("Failed query: insert into orders values (?) params: O'Brien", {
    cause: Object.assign(new Error(message), { errno, code: 'ER_SOMETHING', sqlState: 'HY000' }),
  });
const unanswered = (code: string, more: object = {}) => Object.assign(new Error('words'), { code, ...more });

t.test('who is to blame', async (t) => {
  const table: [
    what: string,
    error: unknown,
    blame: string,
    passes: boolean,
    renews: boolean,
    splits: boolean,
  ][] = [
    ['data too long', answered(1406), 'job', false, false, true],
    ['a constraint', answered(4025), 'job', false, false, true],
    ['too large', answered(1153), 'job', false, false, true],
    ['a failure of our own', new TypeError('words'), 'job', false, false, false],
    [
      'one of our own in a statement',
      new Error('x', { cause: new TypeError('words') }),
      'job',
      false,
      false,
      false,
    ],
    ['a deadlock', answered(1213), 'server', true, false, true],
    ['a time limit', answered(1969), 'server', true, false, true],
    ['no room for a temporary file', answered(3), 'server', true, false, true],
    ['read-only', answered(1290), 'server', true, true, false],
    ['too many connections', answered(1040), 'server', true, false, false],
    ['the server ends', answered(1053), 'server', true, true, false],
    ['an expired password', answered(1820), 'server', false, true, false],
    ['no such table', answered(1146), 'server', false, true, false],
    ['a syntax error', answered(1064), 'unknown', false, false, true],
    [
      'nothing listens',
      unanswered('ECONNREFUSED', { errno: -111, fatal: true }),
      'server',
      true,
      false,
      false,
    ],
    ['cut', unanswered('PROTOCOL_CONNECTION_LOST', { fatal: true }), 'server', true, true, true],
    ['silent', unanswered('PROTOCOL_SEQUENCE_TIMEOUT', { fatal: true }), 'server', true, true, false],
    ['TLS', unanswered('ERR_TLS_CERT_ALTNAME_INVALID', { fatal: true }), 'server', true, false, false],
    ['not connected in time', unanswered('ETIMEDOUT'), 'server', true, false, false],
    ['no connection of ours to spare', unanswered('POOL_BUSY'), 'server', true, false, false],
    ['the pool', new Error('Queue limit reached.'), 'server', true, false, false],
  ];
  for (const [what, error, blame, passes, renews, splits] of table) {
    t.equal(blameOf(error), blame, what);
    t.equal(isPassing(error), passes, `${what} passes`);
    t.equal(needsNewConnection(error), renews, `${what} needs a new connection`);
    t.equal(mayBeSplit(error), splits, `${what} is split`);
  }
});

t.test('what is said holds nothing that a client wrote', async (t) => {
  const table: [error: unknown, said: string][] = [
    [
      answered(1406, "Data too long for column 'customer_name' at row 1"),
      "Data too long for column 'customer_name' at row 1",
    ],
    [answered(1062, "Duplicate entry 'O'Brien' for key 'PRIMARY'"), "Duplicate entry '…' (error 1062)"],
    [
      answered(1064, "You have an error near 'O'Brien', \n 'x')' at line 1"),
      "You have an error near '…' at line 1 (error 1064)",
    ],
    [answered(1644, 'No more for O\u2019Brien'), 'a trigger refused it (error 1644)'],
    [answered(1045, "Access denied for user 'a'@'b'"), "Access denied for user 'a'@'b'"],
    [unanswered('ECONNREFUSED'), 'words'],
    ['text', 'text'],
  ];
  for (const [error, said] of table) t.equal(reasonOf(error), said);
});
