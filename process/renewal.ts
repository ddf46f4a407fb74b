/**
 * Passwords that change while a process runs. Each new connection logs in with what is known then. A password from a file
 * is read again when a server has refused it; one that a command prints is renewed before its time is over, and asked for
 * again when it was refused.
 */
import type { Observer } from './observer.ts';

/** With what a process logs in. */
export interface Login {
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** An answer to the question for the password. */
export interface Answer extends Login {
  /** After how many milliseconds it is to be asked for again; if absent, only when it is refused. */
  renewAfterMs?: number;
}

/** How often a password is asked for at most because it was refused: a file, and a command, which takes CPU. */
export const FILE_PAUSE_MS = 1_000;
export const COMMAND_PAUSE_MS = 10_000;
/** How long we wait after no answer; the pause doubles each time. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** The longest time of a timer in Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface Renewal {
  /** The login for a connection that is made now. As long as it is the same, this is the same object. */
  now(): Login;

  /** Resolves once there is a password. @throws ConfigError with one sentence if none can be had now */
  ready(): Promise<void>;

  /**
   * Asks again, unless that was done a moment ago, as a server has refused a login.
   * @returns whether there is another login now, with which it is worth to try at once. Never rejects.
   */
  again(tried: Login): Promise<boolean>;

  /**
   * Calls `listener` with each new login, so that connections which last longer than a password can say it.
   * @returns a function that ends this
   */
  onRenewed(listener: (login: Login) => void): () => void;

  /** Tells an observer from now on. */
  tellTo(observer: Pick<Observer, 'passwordRenewed' | 'passwordNotRenewed'>): void;
}

/**
 * @param setting how the observer names it
 * @param first what is known at the start; without a password `ready` asks for one
 * @param ask finds out what the login is now; rejects with a sentence for people
 * @param pauseMs how often a refusal makes it ask at most
 */
export const createRenewal = (
  setting: string,
  first: Login,
  ask: () => Promise<Answer>,
  pauseMs: number,
): Renewal => {
  let login = first;
  const isTimed = first.password === undefined;
  let isKnown = !isTimed;
  const listeners = new Set<(login: Login) => void>();
  let observer: Parameters<Renewal['tellTo']>[0] | undefined;
  /** Why there was no answer, until there is one. */
  let problem: string | undefined;
  let asking: Promise<void> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;

  const askIn = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void asked().catch(() => {}), Math.min(MAX_TIMER_MS, ms)).unref();
  };

  const take = ({ user, password, renewAfterMs }: Answer): void => {
    failures = 0;
    isKnown = true;
    if (renewAfterMs !== undefined) askIn(renewAfterMs);
    const isNew = user !== login.user || password !== login.password;
    if (isNew) login = { user, password };
    if (isNew || problem !== undefined) observer?.passwordRenewed({ setting });
    problem = undefined;
    if (isNew) for (const listener of listeners) listener(login);
  };

  /** Asks; all who want that at the same time share a question. @throws what `ask` does */
  const asked = (): Promise<void> => {
    asking ??= ask()
      .then(take, (error: Error) => {
        if (error.message !== problem) observer?.passwordNotRenewed({ setting, reason: error.message });
        problem = error.message;
        if (isTimed) askIn(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** failures++));
        throw error;
      })
      .finally(() => {
        askedAt = performance.now();
        asking = undefined;
      });
    return asking;
  };

  return {
    now: () => login,
    ready: async () => {
      if (!isKnown) await asked();
    },
    again: async (tried) => {
      if (tried !== login) return true;
      if (!asking && performance.now() < askedAt + pauseMs) return false;
      await asked().catch(() => {});
      return tried !== login;
    },
    onRenewed: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tellTo: (listening) => {
      observer = listening;
    },
  };
};
