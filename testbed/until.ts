import { setTimeout as sleep } from 'node:timers/promises';

type Falsy = false | 0 | '' | null | undefined;

const POLL_MS = 20;

/**
 * Calls `ask` again and again until its answer is truthy.
 * @param what completes the message of the error, "Waited in vain until …"
 * @returns the answer
 * @throws Error after `ms` milliseconds, and whatever `ask` throws
 */
export const until = async <T>(
  what: string,
  ask: () => Promise<T> | T,
  ms = 60_000,
): Promise<Exclude<T, Falsy>> => {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer as Exclude<T, Falsy>;
    if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}.`);
    await sleep(POLL_MS);
  }
};
