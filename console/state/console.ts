/** All that the console knows, in one place; components get it from their context. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { createMoves } from './moves.ts';
import { createResources } from './resources.ts';
import { createRouting } from './route.ts';
import { createSession } from './session.ts';
import { openStream } from './stream.ts';
import { createTurns } from './turns.ts';
import { createWrites } from './writes.ts';

const THEME = 'console.theme';
const NOTICE_MS = 6_000;

export type Theme = 'auto' | 'light' | 'dark';
const themes: Theme[] = ['auto', 'light', 'dark'];

/** A clock for ages: one for all of them. */
const openClock = (): ReadonlySignal<number> => {
  const now = signal(Date.now());
  setInterval(() => {
    now.value = Date.now();
  }, 1_000);
  return now;
};

const openTheme = () => {
  const theme = signal<Theme>(themes.find((one) => one === localStorage.getItem(THEME)) ?? 'auto');
  const set = (next: Theme): void => {
    theme.value = next;
    localStorage.setItem(THEME, next);
    document.documentElement.dataset.theme = next;
  };
  set(theme.peek());
  return { theme, set };
};

/** One sentence at a time about what was just done. */
const openNotices = () => {
  const notice = signal<{ text: string; isBad: boolean } | undefined>(undefined);
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    notice,
    say: (text: string, isBad = false): void => {
      clearTimeout(timer);
      notice.value = { text, isBad };
      timer = setTimeout(() => {
        notice.value = undefined;
      }, NOTICE_MS);
    },
  };
};

export const createConsole = () => {
  const session = createSession();
  const resources = createResources(({ kind }) => {
    if (kind === 'signed-out') session.isOver();
  });
  const stream = openStream(session.check);
  /** Counts what was changed here: who shows it asks again. */
  const changes = { letters: signal(0), orders: signal(0) };
  /** For whatever looks at dead letters: two who look at once would each see only some. */
  const lettersInTurn = createTurns();
  return {
    session,
    resources,
    lettersInTurn,
    stream,
    changes,
    routing: createRouting(),
    clock: openClock(),
    theme: openTheme(),
    notices: openNotices(),
    moves: createMoves(lettersInTurn, () => {
      changes.letters.value++;
    }),
    writes: createWrites(() => {
      changes.orders.value++;
    }),
  };
};
export type Console = ReturnType<typeof createConsole>;

export const ConsoleContext = createContext<Console | undefined>(undefined);

export const useConsole = (): Console => {
  const found = useContext(ConsoleContext);
  if (found === undefined) throw new Error('There is no console around this component.');
  return found;
};
/** Whether whoever is signed in may change something. */
export const useMayWrite = (): boolean => useConsole().session.session.value?.role === 'admin';
