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
    replayed: async ({ body, requestId }, at) => {
      const names = namesIn(body);
      await Promise.all([
        showAgain(pending, body),
        story.again(toldOfMessage(names, requestId, { state: 'queued', attempts: 0 }, at)),
      ]);
      observer.outcome({ ...names, outcome: 'replayed' });
    },
    discarded: async ({ body, requestId, attempts, reason, error }, at) => {
      const names = namesIn(body);
      const discarded = { state: 'discarded', attempts, reason, error } as const;
      await Promise.all([
        giveUpMessage(pending, body),
        story.happened(toldOfMessage(names, requestId, discarded, at)),
      ]);
      observer.outcome({ ...names, outcome: 'discarded' });
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
    /** Takes what a message says that is purged. */
    purged: (names: ReturnType<typeof namesIn>, requestId: string | undefined): void => {
      observer.outcome({ ...names, outcome: 'void', by: 'reset' });
      waiting.push(toldOfMessage(names, requestId, { state: 'cancelled', attempts: 0 }));
      if (waiting.length === VOID_AT_ONCE) tellAll();
    },
    /** Resolves when all of them are told. */
    done: async (): Promise<void> => {
      tellAll();
      await Promise.all(telling);
    },
  };
};
