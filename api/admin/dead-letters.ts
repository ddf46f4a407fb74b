/** /admin/dead-letters: the messages that could not be applied. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { openLetters } from '../../jobs/letters.ts';
import { DeadLetter } from '../../queue/dead-letters.ts';
import { PublishError } from '../../queue/errors.ts';
import type { Guard } from '../http/admin.ts';
import { errorAnswers } from '../http/answers.ts';
import { HttpError, sendError } from '../http/errors.ts';
import { readAnyTypeAsJson } from '../http/input.ts';

const Page = Type.Object({
  offset: Type.Integer({
    minimum: 0,
    maximum: 1_000_000,
    default: 0,
    description: 'an integer from 0 to 1000000',
  }),
  limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100, description: 'an integer from 1 to 1000' }),
});
const JobIds = Type.Optional(
  Type.Array(Type.String(), { minItems: 1, description: 'a list of at least one job id or letter_id' }),
);
/** Other properties are refused: if `job_ids` is misspelt, the request must not choose all dead letters. */
const Chosen = Type.Object(
  { job_ids: JobIds, password: Type.Optional(Type.String()) },
  { additionalProperties: false },
);
const Choice = Type.Union([Chosen, Type.Null()], {
  description: 'nothing, for all of them, or a JSON object with job_ids',
});

const unreached = new HttpError(503, 'Unable to reach the dead letters.', 'queue_unavailable');

export const deadLetterRoutes: FastifyPluginAsyncTypebox<{ guard: Guard }> = async (app, { guard }) => {
  const letters = openLetters(app);
  // The general sentence for this error is about queuing an order, which nobody wanted here.
  app.setErrorHandler((error: Error, request, reply) => {
    if (!(error instanceof PublishError)) return sendError(error, request, reply);
    app.observer.deadLettersUnreached({ requestId: request.id, reason: error.message });
    return sendError(unreached, request, reply);
  });
  readAnyTypeAsJson(app);
  app.addHook('preValidation', guard);

  app.get(
    '/admin/dead-letters',
    {
      schema: {
        querystring: Page,
        response: {
          200: Type.Object({
            total_dead_letters: Type.Integer(),
            dead_letters: Type.Array(DeadLetter),
            next_offset: Type.Union([Type.Integer(), Type.Null()], {
              description: 'where the next page begins; null where this is the last one',
            }),
          }),
          ...errorAnswers,
        },
      },
    },
    async (request, reply) => {
      const page = await letters.list(request.query.offset, request.query.limit);
      return reply.code(200).send({
        total_dead_letters: page.total,
        dead_letters: page.letters,
        next_offset: page.nextOffset,
      });
    },
  );

  app.post(
    '/admin/dead-letters/replay',
    {
      schema: { body: Choice, response: { 200: Type.Object({ replayed: Type.Integer() }), ...errorAnswers } },
    },
    async (request, reply) => reply.code(200).send({ replayed: await letters.replay(request.body?.job_ids) }),
  );

  app.post(
    '/admin/dead-letters/discard',
    {
      schema: {
        body: Choice,
        response: { 200: Type.Object({ discarded: Type.Integer() }), ...errorAnswers },
      },
    },
    async (request, reply) =>
      reply.code(200).send({ discarded: await letters.discard(request.body?.job_ids) }),
  );
};
