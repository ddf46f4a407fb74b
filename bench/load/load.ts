/** Sends requests over connections of its own and measures the answers. */
import { openConnection } from './connection.ts';
import { createHistogram } from './histogram.ts';
import type { Request } from './requests.ts';
import type { Response } from './responses.ts';

export interface LoadTask {
  host: string;
  port: number;
  /** Sent one after the other, and over again, by whichever connection is free. */
  requests: Request[];
  connections: number;
  /** Answers that come earlier do not count, in milliseconds. */
  warmupMs: number;
  /** How long they count after that. */
  durationMs: number;
  /** Ends it sooner, after so many requests. */
  limit?: number;
  /**
   * Requests a second, whether or not earlier ones are answered: all count, however late their answers, and the time
   * of each is from when it was due. By default a connection sends its next request when it has its answer.
   */
  rate?: number;
  keepBodies?: boolean;
}

export interface LoadResult {
  /** Right answers that count, and the time in which they came. */
  count: number;
  seconds: number;
  /** Of these, as a histogram's counts. */
  latency: Float64Array;
  /** Answers with another status than expected, broken connections and missing answers, whenever they were. */
  wrong: number;
  /** The first of these in words. */
  wrongExample: string | undefined;
  /** With `keepBodies`: when each right answer came, in milliseconds since 1970, and what it said. */
  answers: { at: number; body: string }[];
}

/** How long answers may take that are missing when the time is over. */
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
    /** With a rate: when the requests were due that wait for a connection, and what sends on one that is free. */
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
