/** A line of the log for people: when, how bad, who, what, and what else is known of it. */

const LEVELS: Record<number, { name: string; colour: number }> = {
  10: { name: 'TRACE', colour: 90 },
  20: { name: 'DEBUG', colour: 34 },
  30: { name: 'INFO', colour: 32 },
  40: { name: 'WARN', colour: 33 },
  50: { name: 'ERROR', colour: 31 },
  60: { name: 'FATAL', colour: 35 },
};
const DIM = 2;

/** Others choose some of what is logged: it must neither end a line nor command a terminal. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029]/gu;
export const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => {
    if (character === '\n') return '\\n';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });

const shown = (value: unknown): string => {
  if (typeof value !== 'string') return printable(JSON.stringify(value));
  return /^[^\s"=]+$/.test(value) ? printable(value) : printable(JSON.stringify(value));
};

/** `a=1 b="two words"`; of an object its members, as `err.code=…`. */
const fields = (values: object, prefix: string, key: (text: string) => string): string => {
  let text = '';
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      text += fields(value, `${prefix}${name}.`, key);
    else text += ` ${key(`${prefix}${name}=`)}${shown(value)}`;
  }
  return text;
};

/**
 * @param json a line as pino writes it
 * @param coloured for a terminal (ECMA-48, 8.3.117)
 * @returns the same for people, in one line; what is no such line is returned as it is
 */
export const textLine = (json: string, coloured: boolean): string => {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(json);
  } catch {
    return json;
  }
  const { level, time, process, msg, ...rest } = entry;
  const paint = (text: string, colour: number) => (coloured ? `\x1b[${colour}m${text}\x1b[0m` : text);
  const dim = (text: string) => paint(text, DIM);
  const { name, colour } = LEVELS[Number(level)] ?? { name: String(level), colour: DIM };
  const when = String(time).replace('T', ' ').replace('Z', '');
  const what = printable(String(msg ?? ''));
  return `${dim(when)} ${paint(name.padEnd(5), colour)} ${dim(`${process}:`)} ${what}${fields(rest, '', dim)}\n`;
};
