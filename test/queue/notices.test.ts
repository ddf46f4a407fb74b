/** What publishers are told while the queue is exchanged. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { giveNotice, type Notice, PAUSE_MS } from '../../queue/notices.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { openStores } from '../helpers/stores.ts';

t.test('new jobs are held back until the publishers may go on, for a second at the most', async (t) => {
  const env = await isolatedEnvironment();
  const app = await startReadyApp(t, env);
  const { channel, queue, waiting } = await openStores(t, env);
  const payload = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
  const post = async () => {
    const started = performance.now();
    const { statusCode } = await app.inject({ method: 'POST', url: '/orders', payload });
    return { statusCode, ms: performance.now() - started };
  };
  const tell = (notice: Notice) => giveNotice(channel, queue, notice);
  let posted = 0;
  /** A notice may come after the job. */
  const heldBack = () =>
    until('a job is held back', async () => {
      await tell('pause');
      posted++;
      const answer = post();
      return (await Promise.race([answer, sleep(PAUSE_MS / 2)])) === undefined && { answer };
    });

  const alone = await (await heldBack()).answer;
  t.equal(alone.statusCode, 202);
  t.equal(await waiting(), posted);

  const { answer } = await heldBack();
  t.equal(await waiting(), posted - 1, 'the last one is not published');
  await tell('go-on');
  const { statusCode, ms } = await answer;
  t.equal(statusCode, 202);
  t.ok(ms < PAUSE_MS, `after ${Math.round(ms)} ms`);
  t.equal(await waiting(), posted);
});
