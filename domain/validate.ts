/** One validator for every boundary: the environment, HTTP and the queue. Its errors are sentences. */
import type { Static, TSchema } from '@sinclair/typebox';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { lengthKeywords, regExpEngine } from './texts.ts';

const MOMENT = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
/** Whether a text is a time that exists, as toISOString writes it. Date itself would take 30 February for 2 March. */
const isMoment = (text: string): boolean => {
  if (!MOMENT.test(text)) return false;
  const day = text.slice(8, 10);
  return day <= '28' || new Date(text).getUTCDate() === Number(day);
};

const ajv = new Ajv({
  useDefaults: true,
  verbose: true,
  keywords: ['secret'],
  formats: { moment: isMoment },
  code: { regExp: regExpEngine },
  // The schemas are ours, and to check them as well would take half as long again as to compile them.
  meta: false,
  validateSchema: false,
});
for (const definition of lengthKeywords) ajv.removeKeyword(definition.keyword).addKeyword(definition);

/** A value as a sentence shows it: short, however large or deep the value is. */
export const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  const characters = [...value];
  return characters.length <= 40
    ? JSON.stringify(value)
    : `${JSON.stringify(`${characters.slice(0, 20).join('')}…`)} (${characters.length} characters)`;
};

/** `/items/0/quantity` (RFC 6901) → `items[0].quantity` */
const field = (pointer: string): string =>
  pointer
    .slice(1)
    .replace(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.');

const sentence = (error: ErrorObject, subject: string, parent: string): string => {
  const path = (...names: string[]) =>
    [parent, field(error.instancePath), ...names].filter(Boolean).join('.');
  const expected = error.parentSchema?.description ?? 'valid';
  if (error.keyword === 'required') {
    const name = error.params.missingProperty;
    return `${path(name)} is required and must be ${error.parentSchema?.properties[name]?.description ?? 'present'}.`;
  }
  const got = error.parentSchema?.secret ? 'a value that is not shown' : shown(error.data);
  return `${path() || subject} must be ${expected}, got ${got}.`;
};

/**
 * Makes a validator. Its schema is compiled when it is first used, as no process uses all of them.
 * @param subject how a sentence names the value as a whole
 * @returns a function that fills defaults into a value. It returns undefined if the value is valid, otherwise a
 *   sentence that names the field, what was expected and what came. If the value is a part of something, `parent` is the
 *   path to it, with which the names of fields begin.
 */
export const validator = (
  schema: TSchema,
  subject: string,
): ((value: unknown, parent?: string) => string | undefined) => {
  let compiled: ValidateFunction | undefined;
  return (value, parent = '') => {
    compiled ??= ajv.compile(schema);
    if (compiled(value)) return undefined;
    // The last one is the outermost: before it stand the branches of a union, each with its own complaint.
    const error = compiled.errors?.at(-1);
    return error ? sentence(error, subject, parent) : `${parent || subject} is not valid.`;
  };
};

/** The same as a function that returns the value with its type, or throws `fail(sentence)`. */
export const parser = <T extends TSchema>(schema: T, subject: string, fail: (sentence: string) => Error) => {
  const problemOf = validator(schema, subject);
  return (value: unknown): Static<T> => {
    const problem = problemOf(value);
    if (problem !== undefined) throw fail(problem);
    return value as Static<T>;
  };
};
