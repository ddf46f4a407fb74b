/** A page of ten lines, on another origin than the API, in a real browser: it sees what becomes of its write. */
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { openBrowser, servePage } from '../helpers/browser.ts';
import { skippedWithout, whenInstalled } from '../helpers/client-programs.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess, startService } from '../helpers/processes.ts';

const OVER_WITHIN_MS = 60_000;

await whenInstalled();
t.test('an EventSource over a restart of the API', { skip: skippedWithout('chromium') }, async (t) => {
  const port = await freePort();
  const env = await isolatedEnvironment({ PORT: String(port) });
  const { api } = await startService(t, env, { consumers: 0 });
  const page = await (await openBrowser(t)).newPage();
  const pagePort = await servePage(t, 'events.html');
  await page.goto(`http://localhost:${pagePort}/?api=http://127.0.0.1:${port}`);
  const item = page.getByRole('listitem');
  await item.filter({ hasText: 'queued' }).waitFor();

  t.equal(await api.end('SIGTERM'), 0);
  await startService(t, env, { consumers: 0 });
  const consumer = startProcess(t, 'consumer', env);
  await item.filter({ hasText: 'succeeded' }).waitFor({ timeout: OVER_WITHIN_MS });
  t.strictSame(await item.allTextContents(), ['queued', 'succeeded'], 'each state once');
  const isClosed = 'source.readyState === EventSource.CLOSED';
  await page.waitForFunction(isClosed, undefined, { timeout: OVER_WITHIN_MS });
  t.strictSame(await item.allTextContents(), ['queued', 'succeeded'], 'and then comes back no more');
  await consumer.end();
});
