/** Waits for the end of a scenario, and reads what there is then. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readHistories, readShown, readStates } from './answers.ts';
import { check, type FinalState } from './checker.ts';
import type { OrderHistory } from './history.ts';
import type { PublishedEvent } from './job-checker.ts';
import { readHub, readQueues, takeEvents } from './stores.ts';
import type { World } from './world.ts';

/** How long the backlog may take after the load has stopped and everything is healed. */
const SETTLE_TIMEOUT_MS = 180_000;
const SETTLE_POLL_MS = 500;

/** Says which dead letters there are that nobody expects, and which are missing, by their reasons. */
export const judgeDead = (expected: Record<string, number>, dead: Map<string, string>): string[] => {
  const found: Record<string, number> = {};
  for (const reason of dead.values()) found[reason] = (found[reason] ?? 0) + 1;
  return [...new Set([...Object.keys(found), ...Object.keys(expected)])].flatMap((reason) =>
    (found[reason] ?? 0) === (expected[reason] ?? 0)
      ? []
      : [`${found[reason] ?? 0} dead letters with the reason ${reason}, expected ${expected[reason] ?? 0}`],
  );
};

/**
 * Waits until the queues are empty, the stores agree with the history, the expected dead letters are there and the hub
 * has passed on all of that, or time is up. Empty queues are not enough: what a consumer holds is in no queue, so a
 * letter may still be on its way. The hub is asked last: what is stored is in its journal.
 */
export const settle = async (
  world: World,
  history: OrderHistory[],
  { shownAfterMs, expectedDead }: { shownAfterMs: number; expectedDead: Record<string, number> },
): Promise<{ final: FinalState; dead: Map<string, string>; ms: number }> => {
  const started = performance.now();
  const { env, urls } = world;
  const ids = history.flatMap(({ id, writes }) => (id !== undefined && writes.length > 0 ? [id] : []));
  const dead = new Map<string, string>();
  const events: PublishedEvent[] = [...world.events];
  for (;;) {
    const queues = await readQueues(env);
    for (const { jobId, reason } of queues.dead) dead.set(jobId, reason);
    const stored = await world.orders();
    const state = { stored, shown: new Map<string, string>(), dead: new Set(dead.keys()) };
    const { violations } = check(history, state, { readYourWrites: false });
    const { left } = await readHub(env);
    // There may be more than a call takes arguments.
    for (const event of await takeEvents(env)) events.push(event);
    const clean =
      queues.waiting === 0 &&
      left === 0 &&
      Object.values(violations).every((count) => count === 0) &&
      judgeDead(expectedDead, dead).length === 0;
    const ms = performance.now() - started;
    if (clean || ms > SETTLE_TIMEOUT_MS) {
      // What an unknown write may still do is done before what is shown is compared with what is stored.
      await sleep(Math.max(SETTLE_POLL_MS, shownAfterMs));
      const shown = await readShown(urls[0] ?? '', ids);
      const states = await readStates(urls, history);
      const histories = await readHistories(urls, ids);
      const told = { states, histories, events: [...events, ...(await takeEvents(env))] };
      return { final: { ...state, stored: await world.orders(), shown, told }, dead, ms };
    }
    await sleep(SETTLE_POLL_MS);
  }
};
