/** Tells what became of dead letters that operators replay or discard, and of jobs that a reset purges. */
import type { Cache } from '../cache/cache.ts';
import { namesIn } from '../domain/jobs.ts';
import type { Observer } from '../process/observer.ts';
import type { Broker } from '../queue/broker.ts';
import { deadLetters } from '../queue/dead-letters.ts';
import type { Told } from './applied.ts';
import { toldOfMessage } from './events.ts';
import { giveUpMessage, showAgain } from './shown.ts';
import type { Story } from './story.ts';

interface Backends {
  broker: Broker;
  cache: Cache;
  story: Story;
  observer: Observer;
}

/** Opens the dead letters. Readers see a replayed job again, and a discarded one no more. */
export const openLetters = ({ broker, cache: { pending }, story, observer }: Backends) =>
  deadLetters(broker, {
    replayed: async (letter, at) => {
      await Promise.all([
        showAgain(pending, letter.body),
        story.happened(toldOfMessage(letter, { state: 'queued', attempts: 0 }, at)),
      ]);
      observer.outcome({ ...namesIn(letter.body), outcome: 'replayed' });
    },
    discarded: async (letter, at) => {
      const { attempts, reason, error } = letter;
      await Promise.all([
        giveUpMessage(pending, letter.body),
        story.happened(toldOfMessage(letter, { state: 'discarded', attempts, reason, error }, at)),
      ]);
      observer.outcome({ ...namesIn(letter.body), outcome: 'discarded' });
    },
  });

/** How many purged jobs are told of at once. */
const VOID_AT_ONCE = 500;

/** Makes what tells of the jobs that a reset purges, as they were accepted before it. */
export const voidTeller = ({ story, observer }: Pick<Backends, 'story' | 'observer'>) => {
  let waiting: (Told | undefined)[] = [];
  const telling = new Set<Promise<void>>();
  const tellAll = () => {
    const told = story.happened(...waiting).finally(() => telling.delete(told));
    telling.add(told);
    waiting = [];
  };
  return {
    /** Takes a message that is purged. */
    purged: (body: Buffer, requestId: string | undefined): void => {
      observer.outcome({ ...namesIn(body), outcome: 'void', by: 'reset' });
      waiting.push(toldOfMessage({ body, requestId }, { state: 'cancelled', attempts: 0 }));
      if (waiting.length === VOID_AT_ONCE) tellAll();
    },
    /** Resolves when all of them are told. */
    done: async (): Promise<void> => {
      tellAll();
      await Promise.all(telling);
    },
  };
};
