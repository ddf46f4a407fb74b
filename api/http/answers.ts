/** The schemas of answers that several routes give. */
import type { Readable } from 'node:stream';
import { type TSchema, Type } from '@sinclair/typebox';
import { HttpError } from './errors.ts';

const ErrorAnswer = Type.Object({ error: Type.String(), code: Type.String() });
/** What every route may answer instead. */
export const errorAnswers = { '4xx': ErrorAnswer, '5xx': ErrorAnswer };

export const notFound = (id: string) =>
  new HttpError(404, `Order with ID '${id}' not found.`, 'order_not_found');

/** An answer that comes ready as JSON and is sent as it is, without a body to HEAD; the schema is what it says. */
export const Ready = (schema: TSchema) => Type.Unsafe<string | Buffer | Readable | undefined>(schema);
export const JSON_TYPE = 'application/json; charset=utf-8';
