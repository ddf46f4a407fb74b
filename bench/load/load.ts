/** Sends requests over its own connections and measures the answers. */

import { createHistogram } from '../../cli/load/histogram.ts';
import { openConnection } from './connection.ts';
import type { Request } from './requests.ts';
import type { Response } from './responses.ts';

export interface LoadTask {
  host: string;
  port: number;
  /** The requests. They are sent one after the other, and again from the first, by whichever connection is free. */
  requests: Request[];
  connections: number;
  /** For how many milliseconds answers do not count at first. */
  warmupMs: number;
  /** For how many milliseconds they count after that. */
  durationMs: number;
  /** The task ends earlier if so many requests have been sent. */
  limit?: number;
  /**
   * How many requests per second are sent, whether or not earlier ones are answered. All count, however late the
   * answers come, and the time of each is counted from when it was due. Without a rate a connection sends its next
   * request when it has the answer to the one before.
   */
  rate?: number;
  keepBodies?: boolean;
}

export interface LoadResult {
  /** How many right answers count, and the time in which they came. */
  count: number;
  seconds: number;
  /** How long these answers took, as the counts of a histogram. */
  latency: Float64Array;
  /** How many answers had another status than expected or were missing, and how many connections broke, at any time. */
  wrong: number;
  /** The first of these problems in words. */
  wrongExample: string | undefined;
  /** With `keepBodies`: when each right answer came, in milliseconds since 1970, and its body. */
  answers: { at: number; body: string }[];
}

/** How long we wait for answers that are missing when the time is over. */
const LAST_ANSWERS_MS = 10_000;
const TICK_MS = 1;

const createTally = (counts: (now: number) => boolean, keepBodies: boolean) => {
  const latency = createHistogram();
  const answers: LoadResult['answers'] = [];
  let count = 0;
  let wrong = 0;
  let wrongExample: string | undefined;
  const fail = (example: string, times = 1) => {
    wrong += times;
    if (times > 0) wrongExample ??= example;
  };
  return {
    fail,
    add: ({ text, expected }: Request, since: number, { status, body }: Response): void => {
      const now = performance.now();
      if (status !== expected) {
        fail(`${text.slice(0, text.indexOf(' HTTP'))} was answered ${status}, not ${expected}`);
        return;
      }
      if (keepBodies) answers.push({ at: performance.timeOrigin + now, body });
      if (!counts(now)) return;
      count++;
      latency.record(now - since);
    },
    result: (seconds: number): LoadResult => ({
      count,
      seconds,
      latency: latency.counts(),
      wrong,
      wrongExample,
      answers,
    }),
  };
};

/** Runs a task to its end. Whatever goes wrong is counted in the result. */
export const runLoad = (task: LoadTask): Promise<LoadResult> =>
  new Promise((resolve) => {
    const { host, port, requests, rate, limit = Number.POSITIVE_INFINITY, keepBodies = false } = task;
    const start = performance.now();
    const from = start + task.warmupMs;
    const to = from + task.durationMs;
    const most = rate === undefined ? limit : Math.min(limit, Math.round((rate * task.durationMs) / 1000));
    const tally = createTally((now) => rate !== undefined || (now >= from && now <= to), keepBodies);
    let next = 0;
    let inFlight = 0;
    let over = false;
    /**
     * With a rate: when the requests that wait for a connection were due, and the functions that send on a free one.
     */
    const due: number[] = [];
    const idle = new Set<(since: number) => void>();

    const finish = () => {
      clearTimeout(timer);
      clearInterval(ticker);
      for (const connection of connections) connection.close();
      tally.fail('a request was not answered', inFlight + due.length);
      const elapsed = performance.now() - from;
      resolve(tally.result((rate === undefined ? Math.min(elapsed, task.durationMs) : elapsed) / 1000));
    };
    const finishWhenDone = () => {
      if (inFlight + due.length === 0 && (next >= most || (over && rate === undefined))) finish();
    };

    const connections = Array.from({ length: task.connections }, () => {
      let current: { request: Request; since: number } | undefined;
      const send = (since: number) => {
        const request = requests[next++ % requests.length];
        if (!request) return;
        current = { request, since };
        inFlight++;
        connection.send(request.text);
      };
      const settle = () => {
        if (!current) return;
        current = undefined;
        inFlight--;
        finishWhenDone();
      };
      const connection = openConnection(host, port, keepBodies, {
        onIdle: () => {
          if (rate === undefined) {
            if (!over && next < most) send(performance.now());
            return;
          }
          const since = due.shift();
          if (since === undefined) idle.add(send);
          else send(since);
        },
        onResponse: (response) => {
          if (current) tally.add(current.request, current.since, response);
          settle();
        },
        onClose: (problem) => {
          idle.delete(send);
          if (problem) tally.fail(problem);
          settle();
        },
      });
      return connection;
    });

    let scheduled = 0;
    const dispatchDue = () => {
      if (rate === undefined) return;
      const now = performance.now();
      for (; scheduled < most; scheduled++) {
        const since = from + (scheduled * 1000) / rate;
        if (since > now) return;
        const [send] = idle;
        if (send) {
          idle.delete(send);
          send(since);
        } else due.push(since);
      }
    };
    const ticker = rate === undefined ? undefined : setInterval(dispatchDue, TICK_MS);

    let timer = setTimeout(() => {
      over = true;
      timer = setTimeout(finish, LAST_ANSWERS_MS);
      finishWhenDone();
    }, to - start);
  });
