/** The short form of HTTP's fuzz test; `npm run test:fuzz` is the long one. */
import t from 'tap';
import { fuzz } from './fuzz.ts';
import { httpFuzz } from './http-property.ts';
import { startFuzzedService } from './service.ts';

const SECONDS = 3;

t.test('any request is answered, and what is accepted is kept', async (t) => {
  const service = await startFuzzedService(t);
  const http = await httpFuzz(service);
  await fuzz(http.property, SECONDS);
  t.strictSame(await http.problems(), []);
  t.ok(http.counts().accepted > 0);
});
