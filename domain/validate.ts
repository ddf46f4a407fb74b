/** One validator for every boundary: the environment, HTTP and the queue. Its errors are sentences. */
import type { Static, TSchema } from '@sinclair/typebox';
import { Ajv, type ErrorObject } from 'ajv';

const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
/** A time that there is, as Date.prototype.toISOString writes it: a day too many would be one of the next month. */
const isMoment = (text: string): boolean =>
  MOMENT.test(text) && new Date(text).getUTCDate() === Number(text.slice(8, 10));

const ajv = new Ajv({
  useDefaults: true,
  verbose: true,
  keywords: ['secret'],
  formats: { moment: isMoment },
});

/** A value in a sentence, however large or deep it is. */
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

const sentence = (error: ErrorObject, subject: string): string => {
  const expected = error.parentSchema?.description ?? 'valid';
  if (error.keyword === 'required') {
    const name = error.params.missingProperty;
    const path = [field(error.instancePath), name].filter(Boolean).join('.');
    return `${path} is required and must be ${error.parentSchema?.properties[name]?.description ?? 'present'}.`;
  }
  const got = error.parentSchema?.secret ? 'a value that is not shown' : shown(error.data);
  return `${field(error.instancePath) || subject} must be ${expected}, got ${got}.`;
};

/**
 * Compiles a schema once. The validator fills in defaults and returns undefined for a valid value, otherwise a
 * sentence that names the field, what was expected and what came; `subject` names the value as a whole in it.
 */
export const validator = (schema: TSchema, subject: string): ((value: unknown) => string | undefined) => {
  const validate = ajv.compile(schema);
  return (value) => {
    if (validate(value)) return undefined;
    // The last one is the outermost: before it stand the branches of a union, each with its own complaint.
    const error = validate.errors?.at(-1);
    return error ? sentence(error, subject) : `${subject} is not valid.`;
  };
};

/** The same as a type guard that throws: returns the value, now typed, or throws `fail(sentence)`. */
export const parser = <T extends TSchema>(schema: T, subject: string, fail: (sentence: string) => Error) => {
  const problemOf = validator(schema, subject);
  return (value: unknown): Static<T> => {
    const problem = problemOf(value);
    if (problem !== undefined) throw fail(problem);
    return value as Static<T>;
  };
};
