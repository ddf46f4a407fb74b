/**
 * The metrics of the API: its primary asks each worker and merges what they say with its own. prom-client has that too,
 * but fails as a whole when one worker does not answer, and forgets what a worker that died had counted: the sum would
 * fall, which Prometheus takes for a restart, and so for that many new events.
 */
import cluster, { type Worker } from 'node:cluster';
import { AggregatorRegistry, type Registry } from 'prom-client';

/** How long a worker may take. After that it counts with what it said last. */
const WITHIN_MS = 500;

type Said = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;
interface Question {
  metricsAsked: number;
}
interface Answer {
  metricsAsked: number;
  metrics: Said;
}
const isQuestion = (message: unknown): message is Question =>
  typeof message === 'object' && message !== null && 'metricsAsked' in message;
const isAnswer = (message: unknown): message is Answer => isQuestion(message) && 'metrics' in message;

/** Answers the questions of the primary, in a worker. */
export const answerPrimary = (registry: Registry): void => {
  process.on('message', async (message) => {
    if (!isQuestion(message) || process.send === undefined) return;
    const { metricsAsked } = message;
    process.send({ metricsAsked, metrics: await registry.getMetricsAsJSON() } satisfies Answer);
  });
};

/** Merges what several processes have said. */
const merged = (said: Said[]): Registry => AggregatorRegistry.aggregate(said);

/** Makes what asks the workers, in the primary. */
export const createMerging = () => {
  /** What each worker said last. */
  const latest = new Map<number, Said>();
  /** What workers that are gone had counted. */
  let departed: Promise<Said> = Promise.resolve([]);
  let asked = 0;
  let counts = { answering: 0, silent: 0 };
  const waiting = new Map<string, (answer: Said) => void>();

  cluster.on('message', (worker: Worker, message: unknown) => {
    if (!isAnswer(message)) return;
    latest.set(worker.id, message.metrics);
    waiting.get(`${worker.id} ${message.metricsAsked}`)?.(message.metrics);
  });
  cluster.on('exit', ({ id }) => {
    const last = latest.get(id) ?? [];
    latest.delete(id);
    const counted = last.filter(({ type }) => `${type}` !== 'gauge');
    departed = departed.then((before) => merged([before, counted]).getMetricsAsJSON());
  });

  const ask = (worker: Worker, question: number): Promise<boolean> =>
    new Promise((resolve) => {
      const key = `${worker.id} ${question}`;
      const end = (isAnswered: boolean) => {
        clearTimeout(timer);
        waiting.delete(key);
        resolve(isAnswered);
      };
      const timer = setTimeout(end, WITHIN_MS, false);
      waiting.set(key, () => end(true));
      worker.send({ metricsAsked: question } satisfies Question, (error) => error && end(false));
    });

  const askAll = async (): Promise<void> => {
    const question = asked++;
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected());
    const answers = await Promise.all(workers.map((worker) => worker && ask(worker, question)));
    const answering = answers.filter(Boolean).length;
    counts = { answering, silent: answers.length - answering };
  };
  let asking: Promise<void> | undefined;

  return {
    workers: () => counts,
    /** The metrics of all, as text. All who ask at the same time share one question. @param own those of the primary */
    text: async (own: Registry): Promise<string> => {
      asking ??= askAll().finally(() => {
        asking = undefined;
      });
      await asking;
      return merged([await departed, ...latest.values(), await own.getMetricsAsJSON()]).metrics();
    },
  };
};
