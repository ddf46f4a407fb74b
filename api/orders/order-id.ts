/** The id of an order in a path. */
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { canonicalId } from '../../domain/ids.ts';
import { Uuid } from '../../domain/order.ts';
import { validator } from '../../domain/validate.ts';
import { notFound } from '../http/answers.ts';

const notAnId = validator(Uuid, 'id');
/**
 * Answers 404 to an id that no order can have, before any server is asked. An id in capitals is turned into lower case,
 * as it was given out.
 */
export const requireOrderId = (
  { params }: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void => {
  const asked = params as { id: string };
  const id = canonicalId(asked.id);
  const problem = notAnId(id) && notFound(asked.id);
  asked.id = id;
  done(problem || undefined);
};
