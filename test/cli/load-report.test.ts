/** What `npx orders load` says of a run: its numbers, tables and report. */
import t from 'tap';
import { reportOf } from '../../cli/load/report.ts';
import { createStatistics } from '../../cli/load/statistics.ts';
import { failuresTable, percentilesTable, statisticsTable } from '../../cli/load/tables.ts';

const aRun = () => {
  const statistics = createStatistics(() => 3);
  const list = { method: 'GET', name: '/orders', failure: undefined };
  for (let ms = 1; ms <= 100; ms++) statistics.add({ ...list, ms });
  statistics.tick();
  statistics.tick();
  for (let i = 0; i < 2; i++)
    statistics.add({ method: 'POST', name: '/orders', ms: 7.6, failure: 'expected 202, got <503>' });
  statistics.tick();
  return statistics;
};

t.test('the numbers', async (t) => {
  const { kinds, all, failures } = aRun().shown(4);
  const [list, post] = kinds;
  t.match(list, { method: 'GET', requests: 100, failures: 0, average: 50.5, least: 1, most: 100 });
  t.match(list, { requestsPerSecond: 25, failuresPerSecond: 0 });
  for (const p of [50, 99]) t.ok(Math.abs((list?.percentile(p) ?? 0) - p) <= p * 0.02, `${p} %`);
  t.equal(list?.percentile(100), 100, 'no bucket goes beyond what was measured');
  t.match(post, { method: 'POST', requests: 2, failures: 2, least: 7.6, failuresPerSecond: 0.5 });
  t.match(all, { requests: 102, failures: 2 });
  t.strictSame(failures, [{ method: 'POST', name: '/orders', why: 'expected 202, got <503>', times: 2 }]);
  t.match(aRun().samples, [
    { at: 1, users: 3, requests: 100, failures: 0 },
    { at: 2, requests: 0, median: Number.NaN },
    { at: 3, requests: 2, failures: 2 },
  ]);
});

t.test('while it runs, the rates are those of the last ten seconds', async (t) => {
  const statistics = createStatistics(() => 1);
  for (let second = 0; second < 30; second++) {
    const many = second < 15 ? 50 : 20;
    for (let i = 0; i < many; i++)
      statistics.add({ method: 'GET', name: '/orders', ms: 1, failure: undefined });
    statistics.tick();
  }
  t.equal(statistics.shown().all.requestsPerSecond, 20);
});

t.test("the tables have Locust's columns", async (t) => {
  const shown = aRun().shown(4);
  const [head = '', rule, ...lines] = statisticsTable(shown);
  t.match(head, /^Type +Name +# reqs +# fails \| +Avg +Min +Max +Med +\| +req\/s +failures\/s$/);
  t.match(lines, [
    /^GET +\/orders +100 +0\(0\.00%\) \| +51 +1 +100 +50 +\| +25\.00 +0\.00$/,
    /^POST +\/orders +2 +2\(100\.00%\) \| +8 +8 +8 +8 +\| +0\.50 +0\.50$/,
    rule ?? '',
    /^ +Aggregated +102 +2\(1\.96%\)/,
  ]);
  for (const line of lines) t.equal(line.length, head.length, 'each line is as wide as the head');
  t.match(percentilesTable(shown)[3], /^GET +\/orders +50 +6[56] .* 100 +100$/);
  t.match(failuresTable(shown).join('\n'), /^2 +POST \/orders: expected 202, got <503>$/m);
  t.strictSame(failuresTable(createStatistics(() => 0).shown(1)), []);
});

t.test('the report needs no other files, and values are no markup', async (t) => {
  const statistics = aRun();
  const html = reportOf('3 users & more', statistics.shown(4), statistics.samples);
  t.equal(html.split('<svg').length, 4);
  t.equal(html.split('<polyline').length, 6);
  t.notMatch(html, /NaN|Infinity|undefined/);
  t.notMatch(html, /\b(src|href)=/);
  t.match(html, '3 users &amp; more');
  t.match(html, 'got &lt;503>');
});
