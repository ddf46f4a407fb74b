/** What the report says about the numbers. */
import t from 'tap';
import { toHtml } from '../../bench/report/html.ts';
import { median, type Row, verdictOf } from '../../bench/report/results.ts';
import { shownNumber, toTable } from '../../bench/report/table.ts';

const row = (more: Partial<Row>): Row => ({ name: 'x', title: 'X', unit: 'requests/s', ours: 100, ...more });

t.test('the median of odd and even numbers of rounds', async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 2, 3]), 2.5);
  t.equal(median([7]), 7);
});

t.test('whether a target is met', async (t) => {
  const cases: [Partial<Row>, string][] = [
    [{}, 'no target'],
    [{ target: {} }, 'no target'],
    [{ bare: 125, target: { ofBare: 0.8 } }, 'met'],
    [{ bare: 126, target: { ofBare: 0.8 } }, 'missed'],
    [{ target: { ofBare: 0.8 } }, 'missed'],
    [{ target: { ofPeer: 8 } }, 'no target'],
    [{ peer: 12.5, target: { ofPeer: 8 } }, 'met'],
    [{ peer: 13, target: { ofPeer: 8 } }, 'missed'],
    [{ bare: 100, peer: 50, target: { ofBare: 0.75, ofPeer: 3 } }, 'missed'],
    [{ bare: 100, target: { ofBare: 0.75, ofPeer: 3 } }, 'met'],
    [{ target: { least: 100 } }, 'met'],
    [{ target: { least: 101 } }, 'missed'],
    [{ target: { most: 100 } }, 'met'],
    [{ target: { most: 99 } }, 'missed'],
    [{ ours: Number.NaN, target: { most: 99 } }, 'missed'],
    [{ bare: 200, target: { ofBare: 0.4, least: 120 } }, 'missed'],
  ];
  for (const [more, verdict] of cases) t.equal(verdictOf(row(more)), verdict, JSON.stringify(more));
});

t.test('numbers have three digits or more', async (t) => {
  t.equal(shownNumber(12_345.6), '12,346');
  t.equal(shownNumber(12.345), '12.3');
  t.equal(shownNumber(1.2345), '1.23');
});

const latency = { '50': 1.5, '90': 2, '99': 12, '99.9': 20 };
const results = [
  row({ bare: 125, target: { ofBare: 0.75, ofPeer: 8 }, latency, note: 'So it is.' }),
  { name: 'y', broken: 'It broke.' },
];

t.test('the table', async (t) => {
  t.equal(
    toTable(results, { verdicts: true }),
    `| case | unit | ours | bare | ratio | target |  | p50 / p99 ms |
| --- | --- | --- | --- | --- | --- | --- | --- |
| X | requests/s | 100 | 125 | 0.80 | ≥ 0.75 of bare | met | 1.50 / 12.0 |
| y |  |  |  |  |  | BROKEN |  |

- X: So it is.
- y: It broke.
`,
  );
});

t.test('the table with a peer, without verdicts', async (t) => {
  t.equal(
    toTable([row({ bare: 125, peer: 10, target: { ofBare: 0.75, ofPeer: 8 }, latency }), row({})], {
      peer: 'other',
      verdicts: false,
    }),
    `| case | unit | ours | bare | ratio | other | ratio to it | target |  | p50 / p99 ms |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| X | requests/s | 100 | 125 | 0.80 | 10.0 | 10.00 | ≥ 0.75 of bare, ≥ 8 × other |  | 1.50 / 12.0 |
| X | requests/s | 100 |  |  |  |  |  |  |  |
`,
  );
});

t.test(
  'the page has a plot of each kind, needs nothing from elsewhere, and escapes what it shows',
  async (t) => {
    const charts = [
      {
        title: 'Memory',
        xLabel: 's',
        yLabel: 'MB',
        lines: [{ name: 'a <b>', points: [[0, 1] as [number, number]] }],
      },
    ];
    const html = toHtml({ about: 'Now.', table: '|', results, charts, peer: undefined });
    t.match(html, /<rect[^>]*><title>X, ours: 100</);
    t.match(html, /<circle[^>]*><title>X, p99: 12 ms</);
    t.match(html, /<polyline points="[\d.]+,[\d.]+"/);
    t.match(html, 'a &lt;b>');
    t.notMatch(html, /NaN|Infinity|https?:|src=|<link|<script/);
  },
);
