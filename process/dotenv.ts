/**
 * Reads `.env` by the rules on which python-dotenv 1.2 (parser.py, variables.py) and Docker Compose (compose-go v2,
 * dotenv/parser.go, template/template.go) agree. If the two read a line differently, the line is refused, as its author
 * may mean either.
 */
import { lstatSync, readFileSync } from 'node:fs';
import { ConfigError } from './config-error.ts';

/** White space, and lines that begin with `#`: they mean nothing. */
const NOTHING = /(?:\s|#[^\n]*(?:\n|$))*/y;
const NAME = /(?!export[ \t]+=)(?:export[ \t]+)?([\p{L}_][\p{L}\p{N}_.-]*)[ \t]*=([ \t]*)/uy;
const QUOTED = { "'": /'((?:\\.|[^'\\])*)'/sy, '"': /"((?:\\.|[^"\\])*)"/sy } as const;
const UNQUOTED = /[^\n]*/y;
const END_OF_LINE = /[ \t]*(?:#[^\n]*|\r)?(?:\n|$)/y;

/** Here Docker Compose fills in a variable, or takes `$$` for `$`. */
const DOLLAR = /\$[_a-z{$]/iu;
/** Here python-dotenv fills in a variable, in single quotes too. */
const BRACED = /\$\{/;
const ESCAPED: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Its message says what is wrong with a value and what to write instead, and follows the variable's name. */
class BadValue extends Error {}

const bracedIsRefused =
  'has ${ in it, and only a name in such braces is filled in, never in single quotes: write what it stands for';

/** The variable with this name, of the environment or of a line above. */
type Lookup = (name: string) => string | undefined;
/** What both fill in. */
const REFERENCE = /(?<![\\$])\$\{([_a-z]\w*)\}/gi;

const checkDollars = (value: string): void => {
  const rest = value.replaceAll(REFERENCE, ' ');
  if (BRACED.test(rest)) throw new BadValue(bracedIsRefused);
  if (DOLLAR.test(rest))
    throw new BadValue(
      'has $ before a letter, _ or another $: put its value in single quotes to have it taken as it is',
    );
};

const filledIn = (value: string, lookup: Lookup): string =>
  value.replaceAll(REFERENCE, (_, name: string) => {
    const found = lookup(name);
    if (found === undefined)
      throw new BadValue(
        'names with ${ a variable that neither a line above nor the environment sets: write what it stands for',
      );
    return found;
  });

const unquoted = (raw: string, afterBlank: boolean, lookup: Lookup): string => {
  if (afterBlank && raw.startsWith('#'))
    throw new BadValue(
      'has a blank and # where its value begins: put a comment on a line of its own, a value in quotes',
    );
  const [value = ''] = raw.split(' #');
  // Some white space ends a value or begins a comment for one of the two readers only.
  if (/^[^\S \t]|[^\S \t]$|[^\S ]#/.test(value))
    throw new BadValue(
      'has a tab before # or an unusual blank at an end: put a space before a comment, a value in quotes',
    );
  checkDollars(value);
  return filledIn(value.replace(/[ \t]+$/, ''), lookup);
};

const singleQuoted = (raw: string): string => {
  if (raw.includes('\\\\'))
    throw new BadValue('has two backslashes in single quotes: write its value without quotes');
  if (BRACED.test(raw)) throw new BadValue(bracedIsRefused);
  return raw.replaceAll("\\'", "'");
};

const doubleQuoted = (raw: string, lookup: Lookup): string => {
  if (raw.endsWith('\\'))
    throw new BadValue('has a backslash before its closing quote: write its value without quotes');
  checkDollars(raw);
  const value = raw.replaceAll(/\\(.)/gs, (both, character: string) => {
    if ("'$0".includes(character))
      throw new BadValue(`has \\${character} in double quotes: put its value in single quotes`);
    return ESCAPED[character] ?? both;
  });
  return filledIn(value, lookup);
};

/**
 * Reads the text of a `.env` file. If a variable is there twice, its last value counts.
 * @param env the environment of the process, in which `${NAME}` is looked for before the lines above
 * @returns the values by name
 * @throws ConfigError with one sentence that names the line and the variable, never a value
 */
export const parseDotenv = (text: string, env: NodeJS.ProcessEnv = {}): Record<string, string> => {
  const values = new Map<string, string>();
  const lookup: Lookup = (name) => env[name] ?? values.get(name);
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) at += match[0].length;
    return match ?? undefined;
  };
  const refusal = (where: number, what: string) =>
    new ConfigError(`.env, line ${text.slice(0, where).split('\n').length}: ${what}.`);

  const odd = /\r(?!\n)|(?![\t\n\v\f\r])\p{Cc}/u.exec(text);
  if (odd) {
    const code = odd[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    throw refusal(
      odd.index,
      `there is a control character (U+${code}): remove it, lines end with a line feed`,
    );
  }

  const takeValue = (afterBlank: boolean): string => {
    const quote = text[at];
    if (quote !== "'" && quote !== '"')
      return unquoted(take(UNQUOTED)?.[0].replace(/\r$/, '') ?? '', afterBlank, lookup);
    const raw = take(QUOTED[quote])?.[1];
    if (raw === undefined)
      throw new BadValue(
        'begins with a quote that does not end: close it, or put the value in quotes of the other kind',
      );
    if (raw.includes('\r'))
      throw new BadValue(
        'goes over several lines that end with a carriage return: write \\n in double quotes',
      );
    if (!take(END_OF_LINE))
      throw new BadValue('goes on after its closing quote: put all of its value in quotes, or none of it');
    return quote === "'" ? singleQuoted(raw) : doubleQuoted(raw, lookup);
  };

  for (take(NOTHING); at < text.length; take(NOTHING)) {
    const line = at;
    const [, name = '', blank = ''] = take(NAME) ?? [];
    if (!name) throw refusal(line, 'expected NAME=value, or # and a comment');
    try {
      values.set(name, takeValue(blank !== ''));
    } catch (error) {
      throw error instanceof BadValue ? refusal(line, `${name} ${error.message}`) : error;
    }
  }
  return Object.fromEntries(values);
};

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const decode = (bytes: Buffer): string => {
  if (bytes.includes(0) || /^(?:\xff\xfe|\xfe\xff)/.test(bytes.toString('latin1', 0, 2)))
    throw new ConfigError('.env is not saved as UTF-8 but, as it seems, as UTF-16: save it as UTF-8.');
  try {
    return decoder.decode(bytes).replace(/^\ufeff/, '');
  } catch {
    // Which no other encoding in use takes for a part of another character.
    const lines = bytes.toString('latin1').split('\n');
    const isUtf8 = (line: string) => Buffer.from(line, 'latin1').toString().includes('\ufffd') === false;
    const line = lines.findIndex((one) => !isUtf8(one)) + 1;
    throw new ConfigError(
      `.env, line ${line}: there is a character that is not UTF-8: save the file as UTF-8.`,
    );
  }
};

const isLink = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false }) !== undefined;

/**
 * Reads `.env` in the working folder.
 * @param env the environment of the process, for `${NAME}`
 * @returns the values by name; none if there is no such file
 * @throws ConfigError with one sentence if the file cannot be read or a line is refused
 */
export const readDotenv = (env: NodeJS.ProcessEnv = process.env): Record<string, string> => {
  const file = '.env';
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !isLink(file)) return {};
    if (code === 'EISDIR') throw new ConfigError('.env is a folder: expected a file with the settings.');
    throw new ConfigError(`.env cannot be read: ${message}.`);
  }
  return parseDotenv(decode(bytes), env);
};
