import t from 'tap';
import { createRestarts } from '../../process/restarts.ts';

t.test('restarts are immediate once, then ever slower, then immediate again', (t) => {
  const restarts = createRestarts();
  const delays = Array.from({ length: 9 }, () => restarts.delayAfter(100));
  t.strictSame(delays, [0, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000]);
  t.equal(restarts.delayAfter(1_000), 0);
  t.end();
});
