/**
 * The metrics of the API: its primary asks each worker and merges what they say with its own. prom-client has that too,
 * but fails as a whole when one worker does not answer, and forgets what a worker that died had counted: the sum would
 * fall, which Prometheus takes for a restart, and so for that many new events. It also takes some milliseconds, most of
 * them for labels, which here are told once.
 */
import cluster, { type Worker } from 'node:cluster';
import { Registry } from 'prom-client';
import { type Description, type Merging, register, type Series, seriesOf, type Told } from './instruments.ts';

/** How long a worker may take. After that it counts with what it said last. */
const WITHIN_MS = 500;

/** A metric of a worker, and the names and labels of its series. */
type Shape = Description & { series: Pick<Series, 'metricName' | 'sharedLabels'>[] };
interface Question {
  metricsAsked: number;
}
interface Answer extends Question {
  /** The values of all series, metric by metric. */
  values: number[];
  /** What they are, if that is not what it was in the last answer. */
  shapes?: Shape[] | undefined;
}
const isQuestion = (message: unknown): message is Question =>
  typeof message === 'object' && message !== null && 'metricsAsked' in message;
const isAnswer = (message: unknown): message is Answer => isQuestion(message) && 'values' in message;

const tell = async (registry: Registry): Promise<Told[]> =>
  (await registry.getMetricsAsJSON()) as unknown as Told[];
const shapesOf = (told: Told[]): Shape[] =>
  told.map(({ values, ...description }) => ({
    ...description,
    series: values.map(({ metricName, sharedLabels }) => ({ metricName, sharedLabels })),
  }));

/** Answers the questions of the primary, in a worker. */
export const answerPrimary = (registry: Registry): void => {
  let known: Series[] = [];
  process.on('message', async (message) => {
    if (!isQuestion(message) || process.send === undefined) return;
    const told = await tell(registry);
    const all = told.flatMap(({ values }) => values);
    // A series is one object for as long as the process lives.
    const isKnown = all.length === known.length && all.every((series, i) => series === known[i]);
    known = all;
    process.send({
      metricsAsked: message.metricsAsked,
      values: all.map(({ value }) => value),
      shapes: isKnown ? undefined : shapesOf(told),
    } satisfies Answer);
  });
};

const merge: Record<Merging, (one: number, other: number) => number> = {
  sum: (one, other) => one + other,
  min: Math.min,
  max: Math.max,
};

/** A series of several processes, and the round in which it was last told. */
interface Place {
  series: Series;
  round: number;
}
/** Where a series of a process goes. */
interface Way {
  place: Place;
  isGauge: boolean;
  merging: Merging;
}

/** Metrics of several processes as one. */
const createMerged = () => {
  const registry = new Registry();
  const metrics = new Map<string, Map<string, Place>>();
  let round = 0;
  const placesIn = (description: Description): Map<string, Place> => {
    const known = metrics.get(description.name);
    if (known) return known;
    const all = new Map<string, Place>();
    metrics.set(description.name, all);
    register(registry, description, () =>
      [...all.values()].flatMap((one) => (one.round === round ? one.series : [])),
    );
    return all;
  };
  return {
    registry,
    /** Finds where each series of a process goes. */
    find: (shapes: Shape[]): Way[] =>
      shapes.flatMap(({ series, ...description }) => {
        const all = placesIn(description);
        return series.map(({ metricName, sharedLabels }) => {
          const key = metricName + JSON.stringify(sharedLabels);
          const place = all.get(key) ?? { series: seriesOf(metricName, sharedLabels), round: 0 };
          all.set(key, place);
          return { place, isGauge: description.type === 'gauge', merging: description.aggregator };
        });
      }),
    /** Begins anew: nothing is told. */
    begin: () => {
      round++;
    },
    add: ({ place, merging }: Pick<Way, 'place' | 'merging'>, value = 0): void => {
      const { series } = place;
      series.value = place.round === round ? merge[merging](series.value, value) : value;
      place.round = round;
    },
  };
};

/** Makes what asks the workers, in the primary. @param own the primary's own metrics */
export const createMerging = (own: Registry) => {
  const merged = createMerged();
  /** What each worker said last. */
  const latest = new Map<number, { ways: Way[]; values: number[] }>();
  /** What workers that are gone had counted. */
  const departed = new Map<Place, number>();
  let asked = 0;
  let counts = { answering: 0, silent: 0 };
  const waiting = new Map<string, () => void>();

  cluster.on('message', ({ id }: Worker, message: unknown) => {
    if (!isAnswer(message)) return;
    const { values, shapes, metricsAsked } = message;
    const ways = shapes ? merged.find(shapes) : (latest.get(id)?.ways ?? []);
    latest.set(id, { ways, values });
    waiting.get(`${id} ${metricsAsked}`)?.();
  });
  cluster.on('exit', ({ id }) => {
    const { ways, values } = latest.get(id) ?? { ways: [], values: [] };
    latest.delete(id);
    for (const [i, { place, isGauge }] of ways.entries())
      if (!isGauge) departed.set(place, (departed.get(place) ?? 0) + (values[i] ?? 0));
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

  const readAll = async (): Promise<string> => {
    await askAll();
    const told = await tell(own);
    merged.begin();
    for (const [place, value] of departed) merged.add({ place, merging: 'sum' }, value);
    for (const { ways, values } of latest.values())
      for (const [i, way] of ways.entries()) merged.add(way, values[i]);
    const values = told.flatMap((metric) => metric.values.map(({ value }) => value));
    for (const [i, way] of merged.find(shapesOf(told)).entries()) merged.add(way, values[i]);
    return merged.registry.metrics();
  };
  let reading: Promise<string> | undefined;

  return {
    workers: () => counts,
    /** The metrics of all, as text. All who ask at the same time share one answer. */
    text: (): Promise<string> => {
      reading ??= readAll().finally(() => {
        reading = undefined;
      });
      return reading;
    },
  };
};
