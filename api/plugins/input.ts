/** How requests are read: JSON bodies, and one validator whose errors are sentences. */
import type { TSchema } from '@sinclair/typebox';
import fastifyPlugin from 'fastify-plugin';
import { validator } from '../../validate.ts';
import { HttpError } from './errors.ts';

const subjects: Record<string, string> = {
  body: 'The request body',
  params: 'The path',
  querystring: 'The query',
  headers: 'The headers',
};

/** A query is all text: where the schema wants a number or a boolean, text that reads as one becomes it. */
const readValues = (schema: TSchema, query: Record<string, unknown>): void => {
  for (const [name, { type }] of Object.entries<TSchema>(schema.properties)) {
    const text = query[name];
    if (type === 'integer' && typeof text === 'string' && /^-?\d+(\.\d+)?$/.test(text))
      query[name] = Number(text);
    if (type === 'boolean' && (text === 'true' || text === 'false')) query[name] = text === 'true';
  }
};

export const input = fastifyPlugin(
  async (app) => {
    app.setValidatorCompiler<TSchema>(({ schema, httpPart = '' }) => {
      const problemOf = validator(schema, subjects[httpPart] ?? httpPart);
      return (value) => {
        if (httpPart === 'querystring') readValues(schema, value);
        const problem = problemOf(value);
        return problem === undefined ? { value } : { error: new HttpError(400, problem) };
      };
    });

    // A text is no JSON: without this Fastify would take it and leave it to validation to be surprised.
    app.removeContentTypeParser('text/plain');
    // Clients send a DELETE or a reset with a content type and no body: that is no error.
    const parseJson = app.getDefaultJsonParser('error', 'error');
    app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
      if (body === '') done(null, undefined);
      else parseJson(request, body, done);
    });
  },
  { name: 'input', fastify: '5.x', dependencies: ['errors'] },
);
