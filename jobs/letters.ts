/** Tells what became of dead letters that operators replay or discard, and of jobs that a reset purges. */
import type { Cache } from '../cache/cache.ts';
import { type JobNames, namesIn } from '../domain/jobs.ts';
import type { Observer } from '../process/observer.ts';
import type { Broker } from '../queue/broker.ts';
import { deadLetters } from '../queue/dead-letters.ts';
import { giveUpMessage, showAgain } from './shown.ts';

/** Opens the dead letters. Readers see a replayed job again, and a discarded one no more. */
export const openLetters = (broker: Broker, { pending }: Cache, observer: Observer) =>
  deadLetters(broker, {
    replayed: async (body) => {
      await showAgain(pending, body);
      observer.outcome({ ...namesIn(body), outcome: 'replayed' });
    },
    discarded: async (body) => {
      await giveUpMessage(pending, body);
      observer.outcome({ ...namesIn(body), outcome: 'discarded' });
    },
  });

/** Tells that a reset has purged a job that was accepted before it. */
export const tellVoid = (observer: Observer, names: JobNames): void =>
  observer.outcome({ ...names, outcome: 'void', by: 'reset' });
