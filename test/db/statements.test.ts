/** Statements get no longer than the server takes. */
import t from 'tap';
import { literal } from '../../db/literals.ts';
import { inserts, partsOf, row } from '../../db/statements.ts';

t.test('INSERTs are as few as their length in UTF-8 allows', async (t) => {
  const rows = ['a', 'öö', '🦀', "O'Brien", '\\'].map((text) => row([text, 1]));
  const whole = `INSERT INTO x VALUES ${rows.join(',')}`;
  for (let max = 50; max <= 200; max++) {
    const statements = inserts('INSERT INTO x VALUES ', rows, max);
    for (const statement of statements) t.ok(Buffer.byteLength(statement) <= max);
    t.equal(
      statements.map((one, i) => (i === 0 ? one : one.replace('INSERT INTO x VALUES ', ','))).join(''),
      whole,
    );
    if (max >= Buffer.byteLength(whole) + 1) t.equal(statements.length, 1);
  }
  t.throws(
    () => inserts('INSERT INTO x VALUES ', rows, 30),
    /^A row of it is a statement of \d+ bytes, and the server takes 30 at the most \(max_allowed_packet\)\.$/,
  );
});

t.test('parts of a list', async (t) => {
  t.strictSame(partsOf([1, 2, 3, 4, 5], 10, 30), [[1, 2], [3, 4], [5]]);
  t.strictSame(partsOf([1, 2], 10, 1), [[1], [2]]);
  t.strictSame(partsOf([], 10, 30), []);
});

t.test('what has no literal is refused', async (t) => {
  for (const value of [{}, Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN), Symbol('x'), () => {}])
    t.throws(() => literal(value), TypeError);
  t.equal(
    literal([
      [1, 'a'],
      [null, true],
    ]),
    "(1, 'a'), (NULL, TRUE)",
  );
});
