/** The schemas of answers that several routes give. */
import { type TSchema, Type } from '@sinclair/typebox';

export const ErrorAnswer = Type.Object({ error: Type.String() });

/** An answer that comes ready as JSON text and is sent as it is; the schema is what the text says. */
export const Ready = (schema: TSchema) => Type.Unsafe<string>(schema);
export const JSON_TYPE = 'application/json; charset=utf-8';
