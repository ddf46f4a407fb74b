/** The short form of the queue's fuzz test; `npm run test:fuzz` is the long one. */
import t from 'tap';
import { fuzz } from './fuzz.ts';
import { queueFuzz } from './queue.ts';
import { startFuzzedService } from './service.ts';

const SECONDS = 3;

t.test('any message is applied or a dead letter', async (t) => {
  const service = await startFuzzedService(t);
  const queue = await queueFuzz(service, t);
  await fuzz(queue.property, SECONDS);
  t.strictSame(await queue.problems(), []);
  t.ok(queue.counts().taken > 0);
});
