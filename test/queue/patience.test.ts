import t from 'tap';
import { createPatience } from '../../queue/patience.ts';

const start = () => {
  let now = 0;
  const reasons: string[] = [];
  const { channel } = createPatience(
    (reason) => reasons.push(reason),
    () => now,
  );
  return {
    channel,
    reasons,
    pass: (ms: number) => {
      now += ms;
    },
  };
};

t.test('a new channel is given up when its queue takes nothing, later each time', async (t) => {
  const { channel, reasons, pass } = start();
  for (const ms of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    reasons.length = 0;
    const { failed } = channel();
    failed('jobs');
    pass(ms - 1);
    failed('jobs');
    t.strictSame(reasons, [], `${ms} ms`);
    pass(1);
    failed('jobs');
    t.strictSame(reasons, ['Nothing is confirmed for jobs.']);
  }
  channel().taken('jobs');
  reasons.length = 0;
  const { failed } = channel();
  failed('jobs');
  pass(1_000);
  failed('jobs');
  t.equal(reasons.length, 1, 'once it takes something it begins anew');
});

t.test('each queue by itself; and one that has taken something is waited for', async (t) => {
  const { channel, reasons, pass } = start();
  const { taken, failed } = channel();
  failed('jobs');
  pass(900);
  taken('jobs');
  failed('jobs');
  failed('dead');
  pass(999);
  failed('dead');
  t.strictSame(reasons, []);
  pass(1);
  failed('jobs');
  t.strictSame(reasons, [], 'the new leader tells it');
  failed('dead');
  t.strictSame(reasons, ['Nothing is confirmed for dead.']);
  failed('jobs');
  pass(30_000);
  failed('jobs');
  t.equal(reasons.length, 2);
});
