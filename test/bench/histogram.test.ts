/** The histogram's percentiles, against those of the numbers themselves. */
import t from 'tap';
import { latencyOf } from '../../bench/report/results.ts';
import { createHistogram } from '../../cli/load/histogram.ts';
import { createRandom } from '../faults/engine/random.ts';

const random = createRandom(1);
const number = () => random.integer(0, 1_000_000) / 1_000_000;
const samples = {
  'all alike': Array.from({ length: 1_000 }, () => 3),
  uniform: Array.from({ length: 10_000 }, () => 0.05 + number() * 40),
  'a long tail': Array.from({ length: 10_000 }, () => 0.2 / (1.0001 - number())),
  'two values': [1, 1_000],
  one: [0.7],
};

const exact = (sorted: number[], p: number) =>
  sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? 0;

for (const [name, values] of Object.entries(samples))
  t.test(`${name}: exact to 2 %`, async (t) => {
    const histogram = createHistogram();
    for (const value of values) histogram.record(value);
    const sorted = values.toSorted((a, b) => a - b);
    t.equal(histogram.total(), values.length);
    for (const p of [0.1, 25, 50, 90, 99, 99.9, 100]) {
      const expected = exact(sorted, p);
      t.ok(
        Math.abs(histogram.percentile(p) - expected) <= 0.02 * expected,
        `p${p}: ${histogram.percentile(p)} is about ${expected}`,
      );
    }
  });

t.test('what is beyond its limits counts as these', async (t) => {
  const histogram = createHistogram();
  for (const value of [0, -1, 1e12]) histogram.record(value);
  t.equal(histogram.total(), 3);
  t.ok(histogram.percentile(50) < 0.002);
  t.ok(histogram.percentile(100) > 900_000);
});

t.test('an empty one has no percentiles', async (t) => {
  t.ok(Number.isNaN(createHistogram().percentile(50)));
});

t.test('several become one', async (t) => {
  const [fast, slow] = [createHistogram(), createHistogram()];
  for (let i = 0; i < 99; i++) fast.record(1);
  slow.record(100);
  const { '50': p50, '99': p99, '99.9': p999 } = latencyOf([fast.counts(), slow.counts()]);
  t.ok(Math.abs(p50 - 1) < 0.02);
  t.ok(Math.abs(p99 - 1) < 0.02);
  t.ok(Math.abs(p999 - 100) < 2);
});
