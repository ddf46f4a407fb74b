/** Which jobs come together, and when. */
import t from 'tap';
import { createBatches } from '../../consumer/batches.ts';
import { suspectsAtOnce } from '../../consumer/suspects.ts';
import type { Entry } from '../../jobs/applied.ts';
import { splitAnswers } from '../../queue/acknowledger.ts';
import { until } from '../../testbed/until.ts';

const entry = (order_id: string, { redelivered = false, lost = false, isAwaited = false } = {}): Entry => ({
  job: { job_id: order_id, type: 'delete_order', payload: { order_id } },
  // Only what a batch asks of a delivery.
  delivery: { redelivered, isAwaited, isLost: () => lost } as Entry['delivery'],
});

/** Batches that are being handled until the test lets them end. */
const start = (options: { size: number; lingerMs?: number; concurrency?: number }) => {
  const begun: string[] = [];
  const running: (() => void)[] = [];
  const run = (mark: string) => (batch: Entry[]) =>
    new Promise<void>((resolve) => {
      begun.push(mark + batch.map(({ job }) => job.job_id).join(' '));
      running.push(resolve);
    });
  const batches = createBatches({
    lingerMs: 1,
    concurrency: 2,
    ...options,
    run: run(''),
    runSuspects: run('? '),
  });
  return {
    begun,
    stop: batches.stop,
    add: (...entries: Entry[]) => entries.forEach(batches.add),
    /** Lets the oldest batch end. */
    end: () => running.shift()?.(),
    begins: (count: number) => until(`${count} batches are begun`, () => begun.length >= count),
  };
};

t.test('a full batch at once, the rest after the linger, no third one beside two', async (t) => {
  const { begun, add, end, begins } = start({ size: 2 });
  add(entry('a'), entry('b'));
  t.strictSame(begun, ['a b'], 'without waiting');
  add(entry('c'));
  t.strictSame(begun, ['a b']);
  await begins(2);
  add(entry('d'), entry('e'), entry('f'));
  t.strictSame(begun, ['a b', 'c']);
  end();
  await begins(3);
  t.strictSame(begun, ['a b', 'c', 'd e']);
});

t.test(
  'a job alone at once, one soon after it with others, one that a client waits for at once',
  async (t) => {
    const { begun, add, end, begins, stop } = start({ size: 10, lingerMs: 600_000 });
    t.teardown(() => {
      for (let i = 0; i < 3; i++) end();
      return stop();
    });
    add(entry('a'));
    await begins(1);
    end();
    add(entry('b'));
    await new Promise(setImmediate);
    t.strictSame(begun, ['a'], 'it waits for others');
    add(entry('c', { isAwaited: true }));
    t.strictSame(begun, ['a', 'b c']);
    add(entry('d'));
    t.strictSame(begun, ['a', 'b c']);
  },
);

t.test('jobs of one order are never in flight in two batches, and keep their order', async (t) => {
  const { begun, add, end, begins } = start({ size: 3 });
  add(entry('a'), entry('b'), entry('a'));
  add(entry('c'), entry('d'), entry('a'), entry('b'));
  await begins(2);
  t.strictSame(begun, ['a b a', 'c d']);
  end();
  await begins(3);
  t.strictSame(begun, ['a b a', 'c d', 'a b']);
});

t.test('what was delivered before is handled alone, and first', async (t) => {
  const { begun, add, end, begins } = start({ size: 2 });
  add(entry('a'), entry('b'));
  add(entry('c'), entry('d', { redelivered: true }), entry('e'));
  t.strictSame(begun, ['a b']);
  end();
  await begins(2);
  t.strictSame(begun, ['a b', '? d'], 'nothing beside it');
  end();
  await begins(3);
  t.strictSame(begun, ['a b', '? d', 'c e']);
});

t.test('what a closed channel delivered is left to its next delivery', async (t) => {
  const { begun, add, begins } = start({ size: 3 });
  add(entry('a', { lost: true }), entry('b'));
  await begins(1);
  t.strictSame(begun, ['b']);
});

t.test('suspects that a closed channel delivered keep nobody waiting', async (t) => {
  const { begun, add, begins } = start({ size: 3 });
  add(entry('a', { lost: true, redelivered: true }), entry('b'));
  await begins(1);
  t.strictSame(begun, ['b']);
});

t.test('stop: what is in flight ends, nothing begins', async (t) => {
  const { begun, add, end, stop } = start({ size: 1, concurrency: 1 });
  add(entry('a'), entry('b'));
  let stopped = false;
  const stopping = stop().then(() => {
    stopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(stopped);
  end();
  await stopping;
  t.strictSame(begun, ['a']);
});

t.test('the circle of suspects narrows, and the last attempt is alone', async (t) => {
  t.strictSame(
    [0, 1, 2, 3, 4].map((times) => suspectsAtOnce(times, 250, 5)),
    [31, 3, 1, 1, 1],
  );
  t.strictSame(
    [0, 1].map((times) => suspectsAtOnce(times, 10_000, 2)),
    [1250, 1],
  );
  t.equal(suspectsAtOnce(0, 250, 1), 1);
  t.equal(suspectsAtOnce(0, 1, 5), 1);
});

t.test('one frame answers what is below all that stays unanswered', async (t) => {
  t.strictSame(splitAnswers(undefined, [1, 2, 3]), { upTo: 3, single: [] });
  t.strictSame(splitAnswers(3, [1, 2, 4, 5]), { upTo: 2, single: [4, 5] });
  t.strictSame(splitAnswers(1, [2, 3]), { upTo: undefined, single: [2, 3] });
});

t.test('a batch that rests lets others pass, but none of its orders', async (t) => {
  const begun: string[] = [];
  let wake: () => void = () => {};
  const batches = createBatches({
    size: 1,
    lingerMs: 1,
    concurrency: 1,
    run: async ([first], rest) => {
      begun.push(first?.job.job_id ?? '');
      if (begun.length > 1) return;
      await rest(
        new Promise((resolve) => {
          wake = resolve;
        }),
      );
      begun.push('awake');
    },
    runSuspects: async ([first]) => {
      begun.push(`? ${first?.job.job_id}`);
    },
  });
  for (const one of [entry('a'), entry('a'), entry('b'), entry('c', { redelivered: true })]) batches.add(one);
  await until('the others are handled', () => begun.length === 3);
  t.strictSame(new Set(begun), new Set(['a', 'b', '? c']));
  wake();
  await until('those of the same order too', () => begun.length === 5);
  t.strictSame(begun.slice(3), ['awake', 'a']);
  await batches.stop();
});
