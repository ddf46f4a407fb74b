/** What operators do with dead letters, and what a reset removes from the queue, told as all outcomes are. */
import type { Cache } from '../cache/cache.ts';
import { type JobNames, namesIn } from '../domain/jobs.ts';
import type { Observer } from '../process/observer.ts';
import type { Broker } from '../queue/broker.ts';
import { deadLetters } from '../queue/dead-letters.ts';
import { giveUpMessage, showAgain } from './shown.ts';

/** The dead letters. What is replayed is shown to readers again; what is discarded is not. */
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

/** A reset has removed a job that was accepted before it. */
export const tellVoid = (observer: Observer, names: JobNames): void =>
  observer.outcome({ ...names, outcome: 'void', by: 'reset' });
