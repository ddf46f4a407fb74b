/** Versions of writes: later means greater, whatever the clocks do. */
import t from 'tap';
import { createClock } from '../../domain/versions.ts';

const NOW_MS = 1_700_000_000_000;
const NOW = NOW_MS * 1000;

/** What happens to a clock, and what it gives out after each step of it. */
const cases: [
  what: string,
  steps: ((clock: ReturnType<typeof createClock>, at: (ms: number) => void) => unknown)[],
  expected: number[],
][] = [
  ['microseconds since 1970', [() => {}], [NOW]],
  ['never the same twice', [() => {}, () => {}, () => {}], [NOW, NOW + 1, NOW + 2]],
  ['with the time', [() => {}, (_, at) => at(NOW_MS + 5)], [NOW, NOW + 5_000]],
  [
    'never back with the system’s clock',
    [() => {}, (_, at) => at(NOW_MS - 3_600_000), () => {}],
    [NOW, NOW + 1, NOW + 2],
  ],
  ['greater than what was observed', [(clock) => clock.observe(NOW + 7_000)], [NOW + 7_001]],
  ['not lower for an old one', [() => {}, (clock) => clock.observe(NOW - 1)], [NOW, NOW + 1]],
  [
    'on time again once the observed is past',
    [(clock) => clock.observe(NOW + 7_000), (_, at) => at(NOW_MS + 8)],
    [NOW + 7_001, NOW + 8_000],
  ],
  // By a millisecond, the system's resolution, a clock is not known better.
  ['by the shared clock: ahead', [(clock) => clock.keepTo(NOW + 5_001_123)], [NOW + 5_000_123]],
  ['by the shared clock: behind', [(clock) => clock.keepTo(NOW - 5_000_123)], [NOW - 5_000_123]],
  [
    'never back to the shared clock',
    [() => {}, (clock) => clock.keepTo(NOW - 5_000_000), (_, at) => at(NOW_MS + 5_001)],
    [NOW, NOW + 1, NOW + 1_000],
  ],
  [
    'by the distance measured last while the shared clock is away',
    [
      (clock) => clock.keepTo(NOW + 2_001_000),
      (clock) => clock.keepTo(NOW + 1_000_000),
      (_, at) => at(NOW_MS + 10_000),
    ],
    [NOW + 2_000_000, NOW + 2_000_001, NOW + 11_000_000],
  ],
  [
    'alike where an answer of the shared clock took long',
    [(clock) => clock.keepTo(NOW - 30_000, () => 60), (clock) => clock.keepTo(NOW + 500, () => 1)],
    [NOW, NOW + 1],
  ],
  [
    'not by a shared clock that is more than a minute away',
    [
      (clock) => clock.keepTo(NOW + 60_001_000),
      (clock) => clock.keepTo(NOW - 60_001_000),
      (clock) => clock.keepTo(NOW + 3_600_000_000),
    ],
    [NOW, NOW + 1, NOW + 2],
  ],
  [
    'unless a third clock confirms it',
    [
      (clock) => clock.keepTo(NOW + 3_600_001_000, undefined, true),
      (clock) => clock.keepTo(NOW - 3_600_000_000, undefined, true),
      () => {},
    ],
    [NOW + 3_600_000_000, NOW - 3_600_000_000, NOW - 3_600_000_000 + 1],
  ],
  [
    'not by a version from more than a minute ahead',
    [(clock) => clock.observe(NOW + 60_000_000), (clock) => clock.observe(9_000_000_000_000_000)],
    [NOW + 60_000_001, NOW + 60_000_002],
  ],
  ['in whole numbers', [(clock) => clock.keepTo(NOW + 0.25), (_, at) => at(NOW_MS + 0.5)], [NOW, NOW + 500]],
];

for (const [what, steps, expected] of cases)
  t.test(what, async (t) => {
    let systemMs = NOW_MS;
    const clock = createClock(() => systemMs);
    const at = (ms: number) => {
      systemMs = ms;
    };
    const given = steps.map((step) => {
      step(clock, at);
      return clock.next();
    });
    t.strictSame(given, expected);
  });

t.test('the age of a version is by the shared clock', async (t) => {
  let systemMs = NOW_MS;
  const clock = createClock(() => systemMs);
  t.equal(clock.age(NOW), 0);
  clock.keepTo(NOW + 5_001_000);
  t.equal(clock.age(NOW), 5_000);
  systemMs += 250;
  t.equal(clock.age(NOW + 5_000_000), 250);
  t.equal(clock.age(0), (NOW + 5_250_000) / 1000);
});

t.test('a process that loses its CPU between two looks at the time does not fall behind', async (t) => {
  let nowMs = NOW_MS;
  const look = () => {
    const seen = nowMs;
    nowMs += 20;
    return seen;
  };
  const clock = createClock(look);
  clock.keepTo(NOW, () => look() - NOW_MS);
  const trueTime = nowMs * 1000;
  t.equal(clock.next(), trueTime);
});

t.test('two clocks 5 s apart that see each other’s versions never give out a lower one', async (t) => {
  const clocks = [createClock(() => NOW_MS), createClock(() => NOW_MS + 5_000)];
  let last = 0;
  for (let i = 0; i < 100; i++)
    for (const clock of clocks) {
      clock.observe(last);
      const version = clock.next();
      t.ok(version > last);
      last = version;
    }
});
