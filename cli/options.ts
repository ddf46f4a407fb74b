/** Arguments and options that several commands take. */
import { InvalidArgumentError, Option } from 'commander';

/** Reads an integer. @throws InvalidArgumentError with what was expected */
export const integer =
  (minimum: number, maximum: number) =>
  (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`Expected an integer from ${minimum} to ${maximum}.`);
  };

/** Reads a number. @throws InvalidArgumentError with what was expected */
export const number =
  (minimum: number, maximum: number) =>
  (text: string): number => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`Expected a number from ${minimum} to ${maximum}.`);
  };

/** Reads a number of seconds. @throws InvalidArgumentError with what was expected */
export const seconds =
  (minimum: number, maximum: number) =>
  (text: string): number => {
    const [, number = '', unit = 's'] = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text) ?? [];
    const value = number === '' ? Number.NaN : Number(number) * ({ s: 1, m: 60, h: 3_600 }[unit] ?? 1);
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(
      `Expected seconds from ${minimum} to ${maximum}, such as 90, 90s, 1.5m or 1h.`,
    );
  };

/** Reads the URL of a server. @throws InvalidArgumentError with what was expected */
export const serverUrl = (text: string): string => {
  if (/^https?:/i.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError('Expected a URL such as http://127.0.0.1:8080.');
};

const MOST = 1_000_000_000;
const DEFAULT_LIMIT = 100;

/** How much of a list is shown. */
export const limitOption = () =>
  new Option('-n, --limit <number>', 'how many at most').argParser(integer(1, MOST)).default(DEFAULT_LIMIT);
export const allOption = () => new Option('-a, --all', 'all of them').conflicts('limit');
export interface Limited {
  limit: number;
  all?: true;
}
export const limitOf = ({ limit, all }: Limited): number => (all ? Number.POSITIVE_INFINITY : limit);

export const timeoutOption = () =>
  new Option('-t, --timeout <seconds>', 'how long to wait at most').argParser(seconds(0, 86_400)).default(60);
export interface Waited {
  wait?: true;
  timeout: number;
}
