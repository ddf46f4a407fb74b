/** What a line of .env means, or why it is refused. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ConfigError } from '../../process/config.ts';
import { parseDotenv, readDotenv } from '../../process/dotenv.ts';

const understood: [text: string, values: Record<string, string>][] = [
  ['A=1', { A: '1' }],
  ['A=1\nB=2\n', { A: '1', B: '2' }],
  ['A=1\r\nB="2"\r\nC=\'3\' # c\r\nD=\r\n', { A: '1', B: '2', C: '3', D: '' }],
  ['\n  # a comment with \' and "\n\t A=1', { A: '1' }],
  ['A = 1 ', { A: '1' }],
  ['A=  a b\t', { A: 'a b' }],
  ['export A=1\nexport\tB=2\nexport=3', { A: '1', B: '2', export: '3' }],
  ['A=\nB= \nC=""\nD=\'\'', { A: '', B: '', C: '', D: '' }],
  ['A=1\nA=2', { A: '2' }],
  ['A.b-c_1=1\nÄ=ö', { 'A.b-c_1': '1', Ä: 'ö' }],
  // The number sign.
  ['A=Winter#2026', { A: 'Winter#2026' }],
  ['A=#x', { A: '#x' }],
  ['A=a#b # c#d', { A: 'a#b' }],
  ['A=a #b', { A: 'a' }],
  ['A=a  # b', { A: 'a' }],
  ['A="a # b"', { A: 'a # b' }],
  ["A='a # b' # c", { A: 'a # b' }],
  ['A="a"#b', { A: 'a' }],
  ['A="#a"\t# b', { A: '#a' }],
  // Other characters that mean nothing without quotes.
  ['A=a=b=', { A: 'a=b=' }],
  ['A=a:b', { A: 'a:b' }],
  ['A=pa"ss\'word`', { A: 'pa"ss\'word`' }],
  ['A=`a b`', { A: '`a b`' }],
  ['A=a\\nb\\\\', { A: 'a\\nb\\\\' }],
  ['A=pässwörd 密码 🔑', { A: 'pässwörd 密码 🔑' }],
  ['A={"b":[1]}', { A: '{"b":[1]}' }],
  ['A=!%&/()?*~;|<>', { A: '!%&/()?*~;|<>' }],
  // Quotes.
  ['A="a\'b"', { A: "a'b" }],
  ["A='a\"b'", { A: 'a"b' }],
  ['A="a\\"b"', { A: 'a"b' }],
  ["A='a\\'b'", { A: "a'b" }],
  ['A="a\\nb\\tc\\\\d\\re\\f\\v\\a\\b"', { A: 'a\nb\tc\\d\re\f\v\x07\b' }],
  ['A="a\\xb\\cd"', { A: 'a\\xb\\cd' }],
  ['A="a\\\\nb"', { A: 'a\\nb' }],
  ["A='a\\nb'", { A: 'a\\nb' }],
  ['A="a\nb"\nB=1', { A: 'a\nb', B: '1' }],
  ["A='a\n# b\n'\nB=1", { A: 'a\n# b\n', B: '1' }],
  ['A=" a "', { A: ' a ' }],
  ['A="`"', { A: '`' }],
  // Variables that are filled in: those of the environment (HOME), and of lines above.
  [`B=b\nA=\${B}/\${HOME}`, { B: 'b', A: 'b//home/anna' }],
  [`B=b\nA="\${B}\\t\${B}" # \${c}`, { B: 'b', A: 'b\tb' }],
  [`HOME=/x\nA=\${HOME}`, { HOME: '/x', A: '/home/anna' }],
  [`B=1\nA=\${B}\nB=2`, { B: '2', A: '1' }],
  [`B=' $x '\nA=\${B}\nC=\${EMPTY}`, { B: ' $x ', A: ' $x ', C: '' }],
  [`B=\\n\nA="\${B}"`, { B: '\\n', A: '\\n' }],
  // The dollar sign, where nobody fills in anything.
  ['A=a$', { A: 'a$' }],
  ['A=a$5', { A: 'a$5' }],
  ['A="a$ b"', { A: 'a$ b' }],
  ["A='a$b$$c'", { A: 'a$b$$c' }],
  ['', {}],
  ['# only this', {}],
];

const env = { HOME: '/home/anna', EMPTY: '' };

t.test('what python-dotenv and docker compose agree on', async (t) => {
  for (const [text, values] of understood) t.strictSame(parseDotenv(text, env), values, JSON.stringify(text));
});

const notFilledIn =
  'A has ${ in it, and only a name in such braces is filled in, never in single quotes: write what it stands for';
const unset =
  'A names with ${ a variable that neither a line above nor the environment sets: write what it stands for';
const dollar =
  'A has $ before a letter, _ or another $: put its value in single quotes to have it taken as it is';
const noPair = 'expected NAME=value, or # and a comment';
const goesOn = 'A goes on after its closing quote: put all of its value in quotes, or none of it';
const open =
  'A begins with a quote that does not end: close it, or put the value in quotes of the other kind';
const odd =
  'A has a tab before # or an unusual blank at an end: put a space before a comment, a value in quotes';

const refused: [text: string, line: number, sentence: string][] = [
  [`A=\${B}\nB=1`, 1, unset],
  [`A="\${b}"`, 1, unset],
  [`B=1\nA=$\${B}`, 2, notFilledIn],
  [`B=1\nA=\\\${B}`, 2, notFilledIn],
  [`B=1\nA="\\\\\${B}"`, 2, notFilledIn],
  [`A=\${B`, 1, notFilledIn],
  [`A=\${1}`, 1, notFilledIn],
  [`A=\${B-c}`, 1, notFilledIn],
  [`A="x \${B:-y}"`, 1, notFilledIn],
  [`A='x \${B}'`, 1, notFilledIn],
  ['A=pa$sword', 1, dollar],
  ['A=pa$$word', 1, dollar],
  ['A="pa$_"', 1, dollar],
  ['A="pa\\$sword"', 1, dollar],
  ['A="a\\$5"', 1, 'A has \\$ in double quotes: put its value in single quotes'],
  ['A="it\\\'s"', 1, "A has \\' in double quotes: put its value in single quotes"],
  ['A="\\012"', 1, 'A has \\0 in double quotes: put its value in single quotes'],
  ['A="C:\\\\"', 1, 'A has a backslash before its closing quote: write its value without quotes'],
  ["A='C:\\\\x'", 1, 'A has two backslashes in single quotes: write its value without quotes'],
  [
    'A= # a comment',
    1,
    'A has a blank and # where its value begins: put a comment on a line of its own, a value in quotes',
  ],
  ['A=a\t# b', 1, odd],
  ['A=a\u00a0# b', 1, odd],
  ['A=\u3000a', 1, odd],
  ['A=a\u00a0', 1, odd],
  ['\n\nA="a" b', 3, goesOn],
  ["A='a'b'", 1, goesOn],
  ['A="a"B=1', 1, goesOn],
  ['A="a', 1, open],
  ["# x\nA='it", 2, open],
  ['A="a\nB="b"', 1, goesOn],
  ['A="a\r\nb"', 1, 'A goes over several lines that end with a carriage return: write \\n in double quotes'],
  ['A', 1, noPair],
  ['A: 1', 1, noPair],
  ["'A'=1", 1, noPair],
  ['A B=1', 1, noPair],
  ['=1', 1, noPair],
  ['1A=1', 1, noPair],
  ['A#b=1', 1, noPair],
  ['export A', 1, noPair],
  ['export A B=1', 1, noPair],
  ['export =1', 1, noPair],
  ['A=1\nhunter2\n', 2, noPair],
  ['A=1\rB=2', 1, 'there is a control character (U+000D): remove it, lines end with a line feed'],
  ['A=1\nB=\u001b[A', 2, 'there is a control character (U+001B): remove it, lines end with a line feed'],
];

const sentenceOf = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'nothing was refused';
};

t.test('what they differ in is refused', async (t) => {
  for (const [text, line, sentence] of refused)
    t.equal(
      sentenceOf(() => parseDotenv(text)),
      `.env, line ${line}: ${sentence}.`,
      JSON.stringify(text),
    );
});

t.test('no refusal shows a value', async (t) => {
  for (const text of [
    'A=hunter2$x',
    'A="hunter2',
    "A='hunter2'x",
    'hunter2',
    'hunter2: A',
    'A="hunter2\\0"',
    'A="x"hunter2',
    'A= #hunter2',
    `A=\${hunter2}`,
    `A=hunter2\${2`,
  ])
    t.notMatch(
      sentenceOf(() => parseDotenv(text)),
      'hunter2',
      text,
    );
});

t.test('a long file is read at once', async (t) => {
  const long = 'x'.repeat(1_000_000);
  t.strictSame(parseDotenv(`A=${long}\nB="${long}"`), { A: long, B: long });
});

t.test('the file itself', async (t) => {
  const folder = t.testdir();
  const before = process.cwd();
  t.teardown(() => process.chdir(before));
  process.chdir(folder);
  const read = (content: string | Buffer): unknown => {
    writeFileSync('.env', content);
    return readDotenv();
  };
  t.strictSame(readDotenv(), {}, 'there is none');
  t.strictSame(read('\ufeffA=1\nB=é\n'), { A: '1', B: 'é' }, 'a byte-order mark');
  const utf16 = '.env is not saved as UTF-8 but, as it seems, as UTF-16: save it as UTF-8.';
  t.equal(
    sentenceOf(() => read(Buffer.from('\ufeffA=1\n', 'utf16le'))),
    utf16,
  );
  t.equal(
    sentenceOf(() => read(Buffer.from('A=1\n', 'utf16le'))),
    utf16,
  );
  t.equal(
    sentenceOf(() => read(Buffer.from('A=1\nB=é\n', 'latin1'))),
    '.env, line 2: there is a character that is not UTF-8: save the file as UTF-8.',
  );
  if (process.getuid?.() !== 0) {
    chmodSync('.env', 0);
    t.match(sentenceOf(readDotenv), /^\.env cannot be read: EACCES: permission denied.*\.$/);
  }
  mkdirSync('folder/.env', { recursive: true });
  process.chdir('folder');
  t.equal(sentenceOf(readDotenv), '.env is a folder: expected a file with the settings.');
  mkdirSync('links');
  process.chdir('links');
  symlinkSync(join(folder, 'nowhere'), '.env');
  t.match(sentenceOf(readDotenv), /^\.env cannot be read: ENOENT.*\.$/, 'a link that leads nowhere');
});
