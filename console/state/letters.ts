/** Dead letters, as the page shows them. */
import { useEffect, useState } from 'preact/hooks';
import type { DeadLetter } from '../../queue/dead-letters.ts';
import { call, LONG_MS } from './calls.ts';
import type { InTurn } from './turns.ts';

/** How many are read at once, and how many are shown at the most: for more there is the command line. */
export const READ_TOGETHER = 500;
const MOST_READ = 10_000;

export interface Letters {
  total: number;
  letters: DeadLetter[];
  /** Where those begin that were not read. */
  next: number | null;
}

interface Page {
  total_dead_letters: number;
  dead_letters: DeadLetter[];
  next_offset: number | null;
}

const readFrom = (offset: number, signal?: AbortSignal): Promise<Page> =>
  call<Page>(`console/api/admin/dead-letters?offset=${offset}&limit=${READ_TOGETHER}`, {
    signal,
    withinMs: LONG_MS,
  });

/** Reads the oldest ones, as many as are wanted. @throws Failure, or the signal's reason */
export const readLetters = (inTurn: InTurn, wanted: () => number) => (signal: AbortSignal) =>
  inTurn(async (): Promise<Letters> => {
    signal.throwIfAborted();
    let page = await readFrom(0, signal);
    const letters = page.dead_letters;
    while (page.next_offset !== null && letters.length < Math.min(wanted(), MOST_READ)) {
      page = await readFrom(page.next_offset, signal);
      letters.push(...page.dead_letters);
    }
    return { total: page.total_dead_letters, letters, next: page.next_offset };
  });

const CHOSEN = 'console.chosen';

/** The chosen letters, by their letter_id: they stay chosen over refreshes and reloads of this tab. */
export const useChosen = () => {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(
    () => new Set<string>(JSON.parse(sessionStorage.getItem(CHOSEN) ?? '[]')),
  );
  useEffect(() => sessionStorage.setItem(CHOSEN, JSON.stringify([...chosen])), [chosen]);
  return {
    chosen,
    choose: (ids: string[], isChosen: boolean): void => {
      const next = new Set(chosen);
      for (const id of ids)
        if (isChosen) next.add(id);
        else next.delete(id);
      setChosen(next);
    },
    clear: (): void => setChosen(new Set()),
  };
};
