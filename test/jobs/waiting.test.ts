/** Who waits for a job, without servers. */
import t from 'tap';
import type { JobEvent, JobState } from '../../domain/job-events.ts';
import type { Listener, Listening } from '../../jobs/listening.ts';
import { openWaiting } from '../../jobs/waiting.ts';

/** Tells only what the test says. */
const fakeListening = (isLive = true) => {
  const listeners = new Map<string, Set<Listener>>();
  const listening: Listening = {
    isLive: () => isLive,
    begun: async () => {},
    place: () => undefined,
    toJob: (jobId, listener) => {
      const own = listeners.get(jobId) ?? new Set();
      listeners.set(jobId, own.add(listener));
      return () => own.delete(listener);
    },
    toOrder: () => () => {},
    toAll: () => () => {},
    close: () => {},
  };
  const tell = (jobId: string, state: JobState) => {
    const event = { job_id: jobId, state } as JobEvent;
    for (const listener of listeners.get(jobId) ?? []) listener.heard([{ event }]);
  };
  return { listening, tell, listens: (jobId: string) => (listeners.get(jobId)?.size ?? 0) > 0 };
};
const never = async () => undefined;
const stateOf = (answer: JobEvent | undefined) => answer?.state;

t.test('what happens between the registration and the waiting is not missed', async (t) => {
  const { listening, tell, listens } = fakeListening();
  const waiter = openWaiting(listening).forJob('a');
  tell('b', 'succeeded');
  tell('a', 'retrying');
  tell('a', 'superseded');
  tell('a', 'succeeded');
  const began = performance.now();
  t.equal(stateOf(await waiter?.over(never, 30_000)), 'superseded');
  t.ok(performance.now() - began < 500, 'at once');
  t.notOk(listens('a'), 'nothing is left of it');
});

t.test('what happens later, and what is not told', async (t) => {
  const { listening, tell } = fakeListening();
  const waiting = openWaiting(listening);
  const heard = waiting.forJob('a')?.over(never, 30_000);
  tell('a', 'dead');
  t.equal(stateOf(await heard), 'dead');
  let asked = 0;
  const found = await waiting.forJob('a')?.over(async () => {
    if (++asked === 1) throw new Error('MySQL is away');
    return asked === 2 ? 'settled' : undefined;
  }, 30_000);
  t.equal(found, 'settled', 'an event was lost');
  t.equal(asked, 2);
});

t.test('where nothing is told, questions come sooner', async (t) => {
  const waiting = openWaiting(fakeListening(false).listening);
  const began = performance.now();
  t.equal(await waiting.forJob('a')?.over(async () => 'succeeded', 30_000), 'succeeded');
  t.ok(performance.now() - began < 800);
});

t.test('the time is over', async (t) => {
  const { listening, listens } = fakeListening();
  t.equal(await openWaiting(listening).forJob('a')?.over(never, 20), undefined);
  t.notOk(listens('a'));
});

t.test('only so many wait, and nobody any more at the end', async (t) => {
  const { listening, listens } = fakeListening();
  const waiting = openWaiting(listening, 2);
  const waiters = [waiting.forJob('a'), waiting.forJob('b')];
  t.equal(waiting.forJob('c'), undefined);
  waiters[0]?.end();
  t.notOk(listens('a'));
  const [first, second] = [waiting.forJob('c'), waiters[1]].map((waiter) => waiter?.over(never, 30_000));
  waiting.endAll();
  t.strictSame(await Promise.all([first, second]), [undefined, undefined]);
  t.equal(waiting.forJob('d'), undefined);
});
