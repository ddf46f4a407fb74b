import { setTimeout as sleep } from 'node:timers/promises';

type Falsy = false | 0 | '' | null | undefined;

const POLL_MS = 20;

/**
 * Asks again and again until the answer is truthy, and returns it.
 * @param what completes the error's "Waited in vain until …"
 * @throws after `ms` milliseconds
 */
export const until = async <T>(
  what: string,
  ask: () => Promise<T> | T,
  ms = 15_000,
): Promise<Exclude<T, Falsy>> => {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer as Exclude<T, Falsy>;
    if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}.`);
    await sleep(POLL_MS);
  }
};
