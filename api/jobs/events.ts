/** /jobs/:id/events, /orders/:id/events and /events: what happens to jobs, as server-sent events. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type JobType, jobTypes } from '../../domain/jobs.ts';
import { errorAnswers } from '../http/answers.ts';
import { streamHead } from '../http/sse.ts';

import { requireOrderId } from '../orders/order-id.ts';
import { openChannels, type Subject } from './channels.ts';
import { jobFollower } from './follow.ts';
import { historyNotKept, Id, jobNotFound, Link, linkOf, readJobId } from './links.ts';

const Types = Type.String({
  pattern: `^(?:${jobTypes.join('|')})(?:,(?:${jobTypes.join('|')}))*$`,
  description: `one or more of ${jobTypes.join(', ')}, separated by commas`,
});
/** It is written to the client as it comes. */
const Stream = Type.Unsafe<undefined>(Type.Null());
const answers = { 200: Stream, ...errorAnswers };

const lastIdOf = ({ headers }: FastifyRequest): string | undefined => {
  const id = headers['last-event-id'];
  return id === undefined || id === '' ? undefined : String(id);
};

const ofOrder = (orderId: string): Subject => ({
  name: orderId,
  orderId,
  isWanted: () => true,
  link: `/orders/${orderId}/history`,
});
const ofTypes = (types: JobType[]): Subject => {
  const wanted = new Set(types);
  const only = wanted.size === 1 ? `?type=${types[0]}` : '';
  return {
    name: [...wanted].sort().join(),
    isWanted: ({ job_type }) => wanted.size === 0 || wanted.has(job_type),
    link: `/jobs${only}`,
  };
};

export const eventRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const follow = jobFollower(app);
  const channels = openChannels(app);

  const stream = async (
    request: FastifyRequest,
    reply: FastifyReply,
    subject: Subject,
  ): Promise<FastifyReply | undefined> => {
    if (!app.story.isTold) throw historyNotKept();
    if (request.method === 'HEAD') return streamHead(reply);
    await channels.add(subject, (onClose) => app.openStream(reply, onClose), lastIdOf(request));
    // Not the reply: Fastify would wait for its end.
    return undefined;
  };

  app.route({
    method: ['GET', 'HEAD'],
    url: '/jobs/:id/events',
    schema: { params: Id, querystring: Link, response: { ...answers, 204: Stream } },
    preHandler: readJobId(app.jobs),
    handler: async (request, reply) => {
      const { id: jobId } = request.params;
      const link = linkOf(request.query);
      if (request.method === 'HEAD') {
        if ((await app.jobs.one(jobId, link)) === undefined) throw jobNotFound(jobId);
        return streamHead(reply);
      }
      if (!(await follow(reply, { jobId, link, lastId: lastIdOf(request) }))) throw jobNotFound(jobId);
      return undefined;
    },
  });

  app.route({
    method: ['GET', 'HEAD'],
    url: '/orders/:id/events',
    schema: { params: Id, response: answers },
    preValidation: requireOrderId,
    handler: async (request, reply) => stream(request, reply, ofOrder(request.params.id)),
  });

  app.route({
    method: ['GET', 'HEAD'],
    url: '/events',
    schema: { querystring: Type.Object({ type: Type.Optional(Types) }), response: answers },
    handler: async (request, reply) => {
      const { type } = request.query;
      return stream(request, reply, ofTypes((type?.split(',') ?? []) as JobType[]));
    },
  });
};
