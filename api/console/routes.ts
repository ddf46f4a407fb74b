/** /console: a page for people who run the service, and the calls that only this page makes. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { addresses, type Config } from '../../process/config.ts';
import { deadLetterRoutes } from '../admin/dead-letters.ts';
import { adminRoutes } from '../admin/routes.ts';
import { errorAnswers } from '../http/answers.ts';
import { HttpError } from '../http/errors.ts';
import { type EventStream, eventText, streamHead } from '../http/sse.ts';
import { createAttempts } from './attempts.ts';
import { closeToOthers, isSecure, requireSameOrigin, requireSession } from './guard.ts';
import { servePage } from './page.ts';
import type { Overview } from './sample.ts';
import { openSampler } from './sampler.ts';
import { createSessions, Role, type Session } from './sessions.ts';

/** How many samples an event has at the most: a reader is cut off that leaves much unread. */
const SAMPLES_TOGETHER = 60;

const SignIn = Type.Object(
  {
    password: Type.String({
      secret: true,
      minLength: 1,
      maxLength: 4_096,
      description: 'a text of 1 to 4096 characters',
    }),
  },
  { description: 'a JSON object with password' },
);
const SessionAnswer = Type.Object({ role: Role, expires_at: Type.String() });
const NoSession = Type.Object({ role: Type.Null(), expires_at: Type.Null() });
const Settings = Type.Object({
  servers: Type.Object({ mysql: Type.String(), redis: Type.String(), rabbitmq: Type.String() }),
  settings: Type.Array(
    Type.Object({
      name: Type.String(),
      value: Type.Union([Type.String(), Type.Null()]),
      default: Type.Union([Type.String(), Type.Null()]),
      is_secret: Type.Boolean(),
      is_set: Type.Boolean(),
    }),
  ),
});
/** It is written to the client as it comes. */
const Stream = Type.Unsafe<undefined>(Type.Null());
const Nothing = Type.Unsafe<undefined>(Type.Null());

const answerOf = ({ role, expiresAt }: Session) => ({
  role,
  expires_at: new Date(expiresAt).toISOString(),
});

const notSet = () =>
  new HttpError(500, 'ADMIN_PASSWORD is not set on this server.', 'admin_password_not_set');

/** Sends what is known already, piece by piece, so that the client can read it meanwhile. */
const sendKnown = async (stream: EventStream, { samples, health }: Overview): Promise<void> => {
  for (let at = 0; at < samples.length; at += SAMPLES_TOGETHER) {
    await stream.drained();
    stream.send(eventText(JSON.stringify({ samples: samples.slice(at, at + SAMPLES_TOGETHER), health }), {}));
  }
};

/** The calls. In this order they fail: from another page, without a session, with one that may only look. */
const consoleApi: FastifyPluginAsyncTypebox<{ config: Config }> = async (app, { config }) => {
  const sessions = createSessions(config);
  const attempts = createAttempts();
  const guard = requireSession(sessions);
  const sampler = openSampler(app);
  app.addHook('onClose', async () => sampler.close());
  app.addHook('onRequest', async (request, reply) => {
    closeToOthers(reply);
    requireSameOrigin(request);
  });

  app.get(
    '/session',
    { schema: { response: { 200: Type.Union([SessionAnswer, NoSession]), ...errorAnswers } } },
    async (request, reply) => {
      const session = await sessions.find(request.headers.cookie);
      return reply.code(200).send(session ? answerOf(session) : { role: null, expires_at: null });
    },
  );

  app.post(
    '/session',
    { schema: { body: SignIn, response: { 201: SessionAnswer, ...errorAnswers } } },
    async (request, reply) => {
      if (!(await sessions.isOpen())) throw notSet();
      const seconds = attempts.take(request.ip);
      if (seconds > 0) {
        reply.header('retry-after', seconds);
        throw new HttpError(429, `Too many wrong passwords: try again in ${seconds} s.`, 'too_many_attempts');
      }
      const session = await sessions.begin(request.body.password);
      if (session === undefined) throw new HttpError(401, 'This is not the password.');
      attempts.forgive(request.ip);
      reply.header('set-cookie', sessions.cookie(session.value, isSecure(request)));
      return reply.code(201).send(answerOf(session));
    },
  );

  app.delete(
    '/session',
    { schema: { response: { 204: Nothing, ...errorAnswers } } },
    async (request, reply) => {
      reply.header('set-cookie', sessions.noCookie(isSecure(request)));
      return reply.code(204).send(undefined);
    },
  );

  app.route({
    // Fastify's own HEAD would wait for the end of the stream.
    method: ['GET', 'HEAD'],
    url: '/overview',
    schema: { response: { 200: Stream, ...errorAnswers } },
    handler: async (request, reply) => {
      await guard(request);
      if (request.method === 'HEAD') return streamHead(reply);
      const { cookie } = request.headers;
      const tell = (overview: Overview) => {
        stream.send(eventText(JSON.stringify(overview), {}));
        // The session may be over by now, or its password another one.
        void sessions.find(cookie).then((session) => session ?? stream.end());
      };
      const { known, leave } = sampler.watch(tell);
      const stream = app.openStream(reply, leave);
      if (known) await sendKnown(stream, known);
      return undefined;
    },
  });

  app.get(
    '/settings',
    { schema: { response: { 200: Settings, ...errorAnswers } } },
    async (request, reply) => {
      await guard(request);
      const settings = config.settings.map(({ isSecret, isSet, ...setting }) => ({
        ...setting,
        is_secret: isSecret,
        is_set: isSet,
      }));
      return reply.code(200).send({ servers: addresses(config), settings });
    },
  );

  await app.register(adminRoutes, { guard });
  await app.register(deadLetterRoutes, { guard });
};

export const consoleRoutes: FastifyPluginAsyncTypebox<{ config: Config }> = async (app, { config }) => {
  servePage(app);
  await app.register(consoleApi, { config, prefix: '/console/api' });
};
