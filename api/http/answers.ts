/** Answers that several routes give, and their schemas. */
import type { Readable } from 'node:stream';
import { type TSchema, Type } from '@sinclair/typebox';
import { HttpError } from './errors.ts';

export { JSON_TYPE } from './errors.ts';

const ErrorAnswer = Type.Object({ error: Type.String(), code: Type.String() });
/** The schemas of the error answers that every route may give. */
export const errorAnswers = { '4xx': ErrorAnswer, '5xx': ErrorAnswer };

/** The 404 for an order that does not exist. @param id as the sentence shows it */
export const notFound = (id: string) =>
  new HttpError(404, `Order with ID '${id}' not found.`, 'order_not_found');

/** An answer whose body is JSON text already and is sent as it is, or left out for HEAD. @param schema of that JSON */
export const Ready = (schema: TSchema) => Type.Unsafe<string | Buffer | Readable | undefined>(schema);
