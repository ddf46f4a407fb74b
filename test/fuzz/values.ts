/** Values that services stumble over, as arbitraries that HTTP bodies and messages are made of. */
import * as fc from 'fast-check';

/** What was a surprise to some program once: to SQL, to Unicode, to whoever shows or compares text. */
const ODD_TEXTS = [
  '',
  ' ',
  "O'Brien",
  "a',0x72,0,NOW());DELETE FROM orders;COMMIT;-- ",
  '\\',
  "\\'",
  '"; DROP TABLE orders; --',
  '%',
  '_',
  '\u0000',
  'a\u0000b',
  '\u001a\b\u001b[2J',
  'line\r\nline',
  'trailing ',
  '\ufeffmark',
  'مرحبا \u202e abc',
  '👩‍👩‍👧‍👦',
  'e\u0301',
  'ß',
  '𝒳',
  '\uffff',
  '{{7*7}} <script>alert(1)</script>',
  'null',
  '__proto__',
];
/** At the limits of the columns, counted in characters, whatever they take in bytes. */
const LONG_TEXTS = [20, 21, 80, 81, 255, 256, 70_000].flatMap((length) => [
  'x'.repeat(length),
  '🦀'.repeat(Math.min(length, 300)),
]);
const LONE_SURROGATES = ['\ud800', 'a\udfffb'];

export const anyText = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme' }) },
  { weight: 4, arbitrary: fc.constantFrom(...ODD_TEXTS) },
  { weight: 1, arbitrary: fc.constantFrom(...LONG_TEXTS, ...LONE_SURROGATES) },
);

const charactersOf = (text: string): number => [...text].length;

/** A text that a column of so many characters holds: no half surrogate pair, which has no form in UTF-8. */
export const validText = (maxLength: number) =>
  fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength }),
    fc
      .string({ unit: 'grapheme', minLength: 1, maxLength })
      .filter((text) => charactersOf(text) <= maxLength),
    fc.constantFrom(...ODD_TEXTS.filter((text) => text !== '' && charactersOf(text) <= maxLength)),
    fc.constantFrom('x'.repeat(maxLength), '🦀'.repeat(maxLength)),
  );

export const validStatus = validText(20);

const MAX_QUANTITY = 2_147_483_647;
const quantity = fc.oneof(fc.integer({ min: 1, max: MAX_QUANTITY }), fc.constantFrom(1, MAX_QUANTITY));

/** Names, items and perhaps a status: what POST takes, and most of what a job creates. */
export const validOrder = fc.record(
  {
    customer_name: validText(80),
    items: fc.array(fc.record({ name: validText(80), quantity }), { minLength: 1, maxLength: 5 }),
    status: validStatus,
  },
  { requiredKeys: ['customer_name', 'items'] },
);

const DEEP = 20_000;
const ODD_JSON = [
  '1e999',
  '-1e999',
  '1e-999',
  '-0',
  '9'.repeat(400),
  '9007199254740993',
  '9000000000000000',
  '0x10',
  '01',
  'NaN',
  "'a'",
  '',
  ' ',
  'null',
  '{}',
  '[]',
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '{"__proto__":{"status":"x"}}',
  '{"constructor":{"prototype":{"status":"x"}}}',
  '{"a":1,"a":2}',
  '\ufeff{}',
  `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`,
  `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`,
  '['.repeat(DEEP),
];

/** The text of a JSON value, and now and then something that is nearly one. */
export const anyJson = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ stringUnit: 'binary' }).map((value) => JSON.stringify(value)) },
  { weight: 2, arbitrary: anyText.map((text) => JSON.stringify(text)) },
  { weight: 2, arbitrary: fc.constantFrom(...ODD_JSON) },
  { weight: 1, arbitrary: fc.double().map(String) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String) },
);

type Container = Record<string, unknown> | unknown[];
const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;

/** Where values stand in a value: the keys that lead to each. */
const placesIn = (value: unknown, here: string[] = []): string[][] =>
  isContainer(value)
    ? Object.entries(value).flatMap(([key, inner]) => {
        const place = [...here, key];
        return [place, ...placesIn(inner, place)];
      })
    : [];

/** A member that no value of the arbitraries has, so that it can be found again in the JSON. */
const HOLE = '@hole@';

const withHole = (value: unknown, [key, ...rest]: string[]): unknown => {
  if (key === undefined) return HOLE;
  if (Array.isArray(value)) return value.map((item, i) => (String(i) === key ? withHole(item, rest) : item));
  return { ...(value as object), [key]: withHole((value as Record<string, unknown>)[key], rest) };
};

/** The JSON of a value in which one field is anything: another value, something broken, or one more field. */
export const mutated = (valid: fc.Arbitrary<object>): fc.Arbitrary<string> =>
  fc.tuple(valid, fc.nat(), anyJson, fc.boolean()).map(([value, choice, json, isExtra]) => {
    const places = isExtra ? [['extra']] : placesIn(value);
    const place = places[choice % places.length] ?? [];
    return JSON.stringify(withHole(value, place)).replace(`"${HOLE}"`, () => json);
  });

export const anyBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

/** Bodies that a network or a program has damaged: cut short, with a byte changed, in another encoding. */
export const damaged = (json: fc.Arbitrary<string>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      json,
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom('cut', 'byte', 'utf16', 'latin1'),
    )
    .map(([text, at, byte, how]) => {
      if (how === 'utf16') return Buffer.from(text, 'utf16le');
      if (how === 'latin1') return Buffer.from(text, 'latin1');
      const bytes = Buffer.from(text);
      if (how === 'cut') return bytes.subarray(0, at % (bytes.length + 1));
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes;
    });
