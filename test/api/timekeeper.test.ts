/** Which of the clocks are followed where they differ by an hour. */
import t from 'tap';
import { timekeeper } from '../../api/timekeeper.ts';
import { createClock } from '../../domain/versions.ts';
import { createLog } from '../../process/log.ts';
import { logEvents } from '../../process/log-events.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { startDatabase } from '../helpers/database.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

const HOUR = 3_600_000_000;
const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const { orm } = app.database;
/** MySQL is not there. */
const away = startDatabase(t, { ...env, DB_PORT: '1' }).orm;

/** Keeps a clock by real servers, with Redis's clock `fast` microseconds ahead, and collects what is logged. */
const keeping = (ownShift: number, mysql = orm) => {
  const clock = createClock(() => Date.now() + ownShift / 1000);
  const said: string[] = [];
  const say = (_line: object, sentence?: string) => {
    said.push(sentence ?? '');
  };
  const observer = logEvents({ ...createLog('test', { level: 'silent' }), info: say, error: say });
  let fast = 0;
  const time = async () => ((await app.cache.time()) ?? 0) + fast;
  const keep = timekeeper(clock, { ...app.cache, time }, mysql, observer);
  return {
    said,
    /** How far the clock is from the true time once it was kept, in microseconds. */
    error: async (redisShift: number) => {
      fast = redisShift;
      await keep();
      return Math.abs(clock.now() - Date.now() * 1000);
    },
  };
};

t.test('a Redis that is an hour wrong is not followed, whether MySQL can be asked or not', async (t) => {
  for (const mysql of [orm, away])
    for (const wrong of [HOUR, -HOUR]) {
      const { error, said } = keeping(0, mysql);
      for (const shift of [0, wrong, wrong]) t.ok((await error(shift)) < 5_000_000);
      t.match(said, [/is not followed$/]);
      t.equal(said.length, 1, 'said once');
      t.ok((await error(0)) < 5_000_000);
      t.match(said[1], /agree again/);
    }
});

t.test('a machine that is an hour wrong follows Redis where MySQL says the same', async (t) => {
  for (const wrong of [HOUR, -HOUR]) {
    const { error, said } = keeping(wrong);
    for (let i = 0; i < 2; i++) t.ok((await error(0)) < 5_000_000);
    t.match(said, [/which are followed$/]);
    t.ok((await error(wrong)) > HOUR / 2, 'its own clock and Redis’s agree: nobody asks a third');
    t.match(said[1], /agree again/);
  }
  const { error } = keeping(HOUR, away);
  t.ok((await error(0)) > HOUR / 2, 'and its own where nobody can tell');
});

t.test('what a Redis from the future has left is not counted on from, whole', async (t) => {
  const payload = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
  const { order_id } = (await app.inject({ method: 'POST', url: '/orders', payload })).json();
  const before = app.clock.now();
  app.clock.observe(9_000_000_000_000_000);
  await app.cache.pending.showStatus(order_id, 9_000_000_000_000_000, 'poisoned');
  await app.inject({ method: 'PATCH', url: `/orders/${order_id}/status`, payload: { status: 'packed' } });
  t.equal((await app.inject(`/orders/${order_id}`)).json().status, 'packed');
  t.ok(app.clock.next() - before < 60_000_000);
  await until('lists are invalidated still', async () => {
    const version = await app.cache.lists.version();
    await app.cache.lists.invalidate();
    return (await app.cache.lists.version()) !== version;
  });
});
