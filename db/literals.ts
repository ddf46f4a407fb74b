/**
 * Writes values into statements, so that they mean the same in every `sql_mode` of the server. A backslash is an escape
 * in one mode and an ordinary character in another (NO_BACKSLASH_ESCAPES), so none is ever written.
 */

/** A text with one of these cannot be put between quotes as it is. */
const special = /['\\\0]/;
/** These cannot be between quotes at all: a backslash, and NUL, which not everything on the way lets through. */
const unquotable = /[\\\0]/;

const textLiteral = (text: string): string => {
  if (!special.test(text)) return `'${text}'`;
  if (unquotable.test(text)) return `_utf8mb4 x'${Buffer.from(text).toString('hex')}'`;
  // In quotes a quote is written twice in each mode (https://dev.mysql.com/doc/refman/8.4/en/string-literals.html).
  return `'${text.replaceAll("'", "''")}'`;
};

/** A time as SQL, in UTC and with milliseconds (https://dev.mysql.com/doc/refman/8.4/en/date-and-time-literals.html). */
const timeLiteral = (time: Date): string => `'${time.toISOString().slice(0, 23)}'`;

/**
 * A value as SQL. A list becomes its values with commas in between, a list of lists rows in parentheses.
 * @throws TypeError for what has no literal, such as an object, an infinite number or an invalid time
 */
export const literal = (value: unknown): string => {
  if (typeof value === 'string') return textLiteral(value);
  if ((typeof value === 'number' && Number.isFinite(value)) || typeof value === 'bigint')
    return String(value);
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  if (value instanceof Date && !Number.isNaN(value.getTime())) return timeLiteral(value);
  if (Buffer.isBuffer(value)) return `x'${value.toString('hex')}'`;
  if (Array.isArray(value))
    return value.map((one) => (Array.isArray(one) ? `(${literal(one)})` : literal(one))).join(', ');
  throw new TypeError(`There is no literal for a value of type ${typeof value}.`);
};

/** The name of a database, a table or a column as SQL. */
export const identifier = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/**
 * Replaces the question marks of a statement by values.
 * @param text the statement, with no other question marks
 * @throws TypeError where there are not as many values, or one has no literal
 */
export const format = (text: string, values: readonly unknown[]): string => {
  const parts = text.split('?');
  if (parts.length !== values.length + 1)
    throw new TypeError(`A statement has ${parts.length - 1} places for values and got ${values.length}.`);
  let statement = parts[0] ?? '';
  for (const [i, value] of values.entries()) statement += literal(value) + parts[i + 1];
  return statement;
};
