/** /admin/seed and /admin/reset, for whom their guard lets pass. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { isSystemFailure, reasonOf } from '../../db/errors.ts';
import type { Guard } from '../http/admin.ts';
import { errorAnswers } from '../http/answers.ts';
import { HttpError } from '../http/errors.ts';
import { readAnyTypeAsJson, readNumber } from '../http/input.ts';
import { orderResets, ResetBusy, ResetUnfinished } from './resets.ts';
import { seed } from './seed.ts';

/** How often each process looks for a reset that has to be completed. */
const LOOK_INTERVAL_MS = 5_000;

/** The sentence for a client whose reset failed but may be asked for again; undefined for any other error. */
const unfinished = (error: unknown): string | undefined => {
  if (error instanceof ResetBusy) return 'Another reset is still at work.';
  if (error instanceof ResetUnfinished)
    return 'All orders of before are gone, but not all of them are removed yet: that is completed without another request.';
  return isSystemFailure(error) ? 'Unable to remove orders.' : undefined;
};

const Message = Type.Object({ message: Type.String() });
const SeedRequest = Type.Object(
  { count: Type.Integer({ minimum: 1, maximum: 100_000, description: 'an integer from 1 to 100000' }) },
  { description: 'a JSON object with count' },
);

/** Completes resets that have begun and that nobody works on. */
export const unfinishedResets: FastifyPluginAsyncTypebox = async (app) => {
  const resets = orderResets(app);
  const { observer } = app;

  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    await resets.lookAfter().catch((error) => observer.resetNotLookedAfter({ reason: reasonOf(error) }));
    isLooking = false;
  };
  const looker = setInterval(look, LOOK_INTERVAL_MS).unref();
  app.addHook('onReady', async () => void look());
  app.addHook('onClose', async () => clearInterval(looker));
};

export const adminRoutes: FastifyPluginAsyncTypebox<{ guard: Guard }> = async (app, { guard }) => {
  const { cache, clock, database, observer } = app;
  readAnyTypeAsJson(app);
  const resets = orderResets(app);
  app.addHook('preValidation', guard);

  app.post(
    '/admin/seed',
    {
      schema: { body: SeedRequest, response: { 201: Message, ...errorAnswers } },
      preValidation: async ({ body }) => readNumber(body, 'count'),
    },
    async (request, reply) => {
      const { count } = request.body;
      let made = 0;
      try {
        await seed({ orm: database.orm, clock }, count, (orders) => {
          made = orders;
          observer.seeding({ made, count });
        });
      } catch (error) {
        observer.seedFailed({ requestId: request.id, reason: reasonOf(error), made, count });
        throw new HttpError(
          isSystemFailure(error) ? 503 : 500,
          `Only ${made} of ${count} fake orders were seeded.`,
          'seed_incomplete',
        );
      } finally {
        // The orders made so far stay, also if the others failed.
        if (made > 0) await cache.lists.invalidate();
      }
      return reply.code(201).send({ message: `Seeded ${count} fake orders.` });
    },
  );

  app.post(
    '/admin/reset',
    { schema: { response: { 200: Message, ...errorAnswers } } },
    async (request, reply) => {
      try {
        await resets.reset();
      } catch (error) {
        const sentence = unfinished(error);
        if (sentence === undefined) throw error;
        observer.resetIncomplete({ requestId: request.id, reason: reasonOf(error) });
        throw new HttpError(503, sentence, 'reset_incomplete');
      }
      observer.resetAsked({ requestId: request.id });
      return reply.code(200).send({ message: 'All orders have been removed.' });
    },
  );
};
