/** What the page of the console works out by itself: scales, times, groups, and whether the service keeps up. */
import t from 'tap';
import type { Overview, Sample } from '../../api/console/sample.ts';
import { pathOf, ticks } from '../../console/parts/scale.ts';
import { verdictOf } from '../../console/parts/verdict.ts';
import { groupsOf } from '../../console/state/groups.ts';
import { age, count, duration, timeOfId, utc } from '../../console/state/times.ts';
import type { DeadLetter } from '../../queue/dead-letters.ts';

const well = { ok: true, ms: 1 };
const health: Overview['health'] = {
  accepting: 'yes',
  reading: 'yes',
  applying: 'yes',
  mysql: well,
  redis: well,
  rabbitmq: well,
};
const sample = (change: Partial<Sample> = {}): Sample => ({
  at: 0,
  accepted: 1,
  applied: 1,
  p50_ms: 1,
  p99_ms: 1,
  waiting: 0,
  delayed: 0,
  dead: 0,
  oldest_ms: 0,
  hub_lag_ms: 0,
  consumers: 1,
  ...change,
});

t.test('whether the service keeps up', async (t) => {
  const away = { ok: false, ms: 750 };
  for (const [word, samples, now] of [
    ['Keeping up', [sample()], health],
    ['Keeping up', [sample({ waiting: 9, oldest_ms: 400 })], health],
    ['Refusing writes', [sample()], { ...health, accepting: 'no', rabbitmq: away }],
    ['Refusing writes', [sample()], { ...health, accepting: 'no' }],
    ['Applying has stopped', [sample()], { ...health, mysql: away }],
    ['Nobody applies', [sample({ consumers: 0 })], health],
    [
      'Falling behind',
      Array.from({ length: 12 }, (_, at) => sample({ waiting: at, oldest_ms: 9_000 })),
      health,
    ],
    [
      'Catching up',
      Array.from({ length: 12 }, (_, at) => sample({ waiting: 99 - at, oldest_ms: 9_000 })),
      health,
    ],
    ['Works without Redis', [sample()], { ...health, redis: away }],
    [
      'Keeping up',
      [sample({ consumers: null, oldest_ms: null, waiting: null })],
      { ...health, redis: undefined },
    ],
  ] as [string, Sample[], Overview['health']][])
    t.equal(verdictOf(samples, now).word, word);
  t.match(
    verdictOf([sample({ waiting: 1_234_567 })], { ...health, mysql: away }).sentence,
    /1,234,567 jobs wait/,
  );
});

t.test('scales', async (t) => {
  for (const [most, isTime, expected] of [
    [0, false, [0, 1, 2]],
    [7, false, [0, 2, 4, 6, 8]],
    [6_000, false, [0, 2_000, 4_000, 6_000]],
    [0, true, [0, 10, 20]],
    [850, true, [0, 500, 1_000]],
    [200_000, true, [0, 60_000, 120_000, 180_000, 240_000]],
  ] as const)
    t.strictSame(ticks(most, 4, isTime), expected, `${most} ${isTime}`);
  t.equal(
    pathOf(
      [
        { x: 0, y: 1 },
        { x: 1, y: 2 },
        { x: 2, y: null },
        { x: 3, y: 3 },
        { x: 9, y: 4 },
      ],
      2,
    ),
    'M0.0 1.0L1.0 2.0M3.0 3.0M9.0 4.0',
    'no line where nothing is known',
  );
});

t.test('times and numbers', async (t) => {
  t.equal(utc('2026-01-31T12:00:00.123Z'), '2026-01-31 12:00:00.123');
  t.equal(utc(null), '–');
  t.equal(utc('yesterday'), 'yesterday', 'what is no time is shown as it is');
  t.strictSame([0, 999, 1_000, 59_999, 60_000, 250_000, 7_500_000].map(duration), [
    '0 ms',
    '999 ms',
    '1.0 s',
    '59 s',
    '1 min',
    '4 min 10 s',
    '2 h 5 min',
  ]);
  t.equal(age(-5), '0 s');
  t.equal(count(1_234_567.25), '1,234,567.3');
  t.equal(timeOfId('01a1fc79-708d-709e-9c18-29dbdfffe8dd'), 0x01a1fc79708d);
  t.equal(timeOfId('01a1fc79-708d-409e-9c18-29dbdfffe8dd'), undefined);
});

t.test('groups of dead letters', async (t) => {
  const letter = (reason: string | null, job_type: string | null) => ({ reason, job_type }) as DeadLetter;
  const groups = groupsOf([
    letter('crashed', 'create_order'),
    letter('invalid_message', null),
    letter('crashed', 'delete_order'),
    letter('crashed', 'create_order'),
    letter(null, null),
  ]);
  t.strictSame(
    groups.map(({ reason, type, letters }) => [reason, type, letters.length]),
    [
      ['crashed', 'create_order', 2],
      ['invalid_message', null, 1],
      ['crashed', 'delete_order', 1],
      ['no reason given', null, 1],
    ],
  );
});
