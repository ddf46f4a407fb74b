/** What clients are answered in the end. An answer that says nothing throws: the run has failed then, not passed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { GONE, type OrderHistory } from './history.ts';
import { type Answer, createCaller } from './load.ts';

const READERS = 16;
/** Longer than a job is believed to wait because Redis says so. */
const OPEN_JOBS_END_WITHIN_MS = 75_000;
const OPEN_JOBS_POLL_MS = 500;
/** How long a machine may be too busy to answer in time. */
const BUSY_MS = 30_000;
const ASK_AGAIN_MS = 500;

type Got = Answer | 'refused' | 'unknown';
const isLater = (answer: Got): boolean => typeof answer === 'string' || answer.status === 503;

/**
 * Reads paths, several at a time, one API after the other. `take` gets each answer.
 * @param patienceMs for how long it asks again where the answer is that there is none now
 */
const readAll = async (
  urls: string[],
  paths: string[],
  take: (path: string, answer: Got) => void,
  patienceMs = 0,
): Promise<void> => {
  const giveUpAt = performance.now() + patienceMs;
  const { call, close } = createCaller();
  const waiting = paths.map((path, n) => ({ path, url: urls[n % urls.length] }));
  const reader = async () => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      const url = `${one.url}${one.path}`;
      let answer = await call('GET', url);
      for (; isLater(answer) && performance.now() < giveUpAt; answer = await call('GET', url))
        await sleep(ASK_AGAIN_MS);
      take(one.path, answer);
    }
  };
  try {
    await Promise.all(Array.from({ length: READERS }, reader));
  } finally {
    close();
  }
};

/** What GET shows of each order: its status, or GONE. */
export const readShown = async (url: string, ids: string[]): Promise<Map<string, string>> => {
  const shown = new Map<string, string>();
  await readAll(
    [url],
    ids.map((id) => `/orders/${id}`),
    (path, answer) => {
      if (typeof answer === 'string' || ![200, 404].includes(answer.status))
        throw new Error(`GET ${path} cannot be read in the end: ${JSON.stringify(answer)}`);
      const id = path.replace('/orders/', '');
      shown.set(id, answer.status === 404 ? GONE : (answer.body.status ?? '(nothing)'));
    },
    BUSY_MS,
  );
  return shown;
};

const stateIn = (answer: Got): string => {
  if (typeof answer === 'string') return 'without an answer';
  return answer.status === 200 ? (answer.body.status ?? '(nothing)') : `HTTP ${answer.status}`;
};
const mayEnd = (state: string) =>
  ['queued', 'retrying', 'unknown', 'HTTP 503', 'without an answer'].includes(state);

/** Reads where 202s say so what became of accepted writes, and waits for those that are not over. */
export const readStates = async (urls: string[], history: OrderHistory[]): Promise<Map<string, string>> => {
  const states = new Map<string, string>();
  const jobs = new Map(
    history
      .flatMap(({ writes }) => writes)
      .flatMap(({ outcome, jobId, location }) =>
        outcome === 'accepted' && jobId !== undefined ? [[location ?? `/jobs/${jobId}`, jobId] as const] : [],
      ),
  );
  const deadline = performance.now() + OPEN_JOBS_END_WITHIN_MS;
  for (let paths = [...jobs.keys()]; paths.length > 0; ) {
    const open: string[] = [];
    await readAll(urls, paths, (path, answer) => {
      const state = stateIn(answer);
      states.set(jobs.get(path) ?? '', state);
      if (mayEnd(state)) open.push(path);
    });
    paths = performance.now() < deadline ? open : [];
    if (paths.length > 0) await sleep(OPEN_JOBS_POLL_MS);
  }
  return states;
};

/** Reads the histories of orders: the ids of their jobs, the newest first. */
export const readHistories = async (urls: string[], ids: string[]): Promise<Map<string, string[]>> => {
  const histories = new Map<string, string[]>();
  await readAll(
    urls,
    ids.map((id) => `/orders/${id}/history`),
    (path, answer) => {
      if (typeof answer === 'string' || answer.status !== 200 || !answer.body.entries)
        throw new Error(`GET ${path} cannot be read in the end: ${JSON.stringify(answer)}`);
      const id = path.split('/')[2] ?? '';
      histories.set(
        id,
        answer.body.entries.map(({ job_id }) => job_id),
      );
    },
    BUSY_MS,
  );
  return histories;
};
