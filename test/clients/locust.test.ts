/** Locust files against the service: our own, and one as teams bring it along. */
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { skippedWithout, whenInstalled } from '../helpers/client-programs.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { ADMIN_PASSWORD, ORDER_REQUESTS, runLocust } from '../helpers/locust.ts';
import { startService } from '../helpers/processes.ts';

await whenInstalled();
t.test('Locust', { skip: skippedWithout('locust') }, async (t) => {
  const port = await freePort();
  const env = await isolatedEnvironment({ PORT: String(port), ADMIN_PASSWORD });
  await startService(t, env);
  const url = `http://127.0.0.1:${port}`;

  await t.test('the file of this project', (t) => runLocust(t, 'test/locustfile.py', url, ORDER_REQUESTS));

  await t.test('a file that was written for another service', async (t) => {
    await runLocust(t, 'test/clients/locustfile.py', url, [...ORDER_REQUESTS, 'POST /admin/seed']);
    t.strictSame(await (await fetch(`${url}/orders`)).json(), { total_orders: 0, orders: [] }, 'reset');
  });
});
