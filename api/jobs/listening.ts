/** What the routes share that wait for jobs or tell of them: one registry of listeners in each process. */
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { listJobs } from '../../db/jobs.ts';
import { readInTime } from '../../db/reads.ts';
import { type Listening, openListening } from '../../jobs/listening.ts';
import { openWaiting, type Waiting } from '../../jobs/waiting.ts';
import type { Config } from '../../process/config.ts';
import { type JobFinder, jobFinder } from './find.ts';

declare module 'fastify' {
  interface FastifyInstance {
    jobs: JobFinder;
    listening: Listening;
    waiting: Waiting;
  }
}

/** How many jobs may change between two questions to MySQL without one being missed. */
const NEWEST = 200;

export const listening = fastifyPlugin<{ config: Pick<Config, 'historyDays' | 'cache'> }>(
  async (app: FastifyInstance, { config }) => {
    const { cache, story, database, absence } = app;
    const finding = {
      trustMs: config.cache.appliedTtl * 1_000,
      historyDays: config.historyDays,
      waitsNowhere: absence.waitsNowhere,
    };
    const newest = () => readInTime(() => listJobs(database.orm, {}, NEWEST));
    app.decorate('jobs', jobFinder(app, finding));
    app.decorate('listening', openListening(cache, story.isTold, newest));
    app.decorate('waiting', openWaiting(app.listening));
    app.onDrain(app.waiting.endAll);
    app.addHook('onClose', async () => app.listening.close());
  },
  { name: 'listening', fastify: '5.x', dependencies: ['backends', 'absence', 'drain'] },
);
