/** Tables for a terminal. */
import t from 'tap';
import { cut, recordLines, tableOf } from '../../cli/table.ts';

type Row = { name: string | null; count: number; note?: string };
const table = (options: { coloured: boolean; width?: number }) =>
  tableOf<Row>(
    [
      { head: 'NAME', of: ({ name }) => name, style: () => 'red' },
      { head: 'COUNT', of: ({ count }) => count, right: true },
      { head: 'NOTE', of: ({ note }) => note },
    ],
    options,
  );

t.test('columns stand below each other, whatever is in them', async (t) => {
  const lines = table({ coloured: false });
  t.equal(
    lines([
      { name: 'Anna 🍏', count: 1, note: 'x' },
      { name: '李雷', count: 12_345 },
      { name: null, count: Number.MAX_SAFE_INTEGER, note: 'a\u001b[2J\nb' },
    ]),
    [
      'NAME                COUNT  NOTE',
      'Anna 🍏                 1  x',
      '李雷                12345  -',
      '-        9007199254740991  a\\u001b[2J\\nb',
      '',
    ].join('\n'),
  );
  t.equal(
    lines([{ name: 'b', count: 2 }]),
    'b                       2  -\n',
    'the next part keeps the widths',
  );
  t.equal(lines([]), '');
});

t.test('the last column is cut to the terminal, colours do not count', async (t) => {
  const [, line = ''] = table({ coloured: true, width: 20 })([
    { name: 'a', count: 1, note: 'a long note' },
  ]).split('\n');
  t.equal(line, '\u001b[31ma   \u001b[39m      1  a long…');
});

t.test('cut', async (t) => {
  for (const [text, width, expected] of [
    ['abc', 3, 'abc'],
    ['abcd', 3, 'ab…'],
    ['李雷李', 4, '李…'],
    ['👨‍👩‍👧👨‍👩‍👧', 3, '👨‍👩‍👧…'],
  ] as const)
    t.equal(cut(text, width), expected, text);
});

t.test('a record', async (t) => {
  t.equal(
    recordLines(
      [
        ['order', 'a'],
        ['id', null],
        ['items', ['1 × Tea', '2 × Bread']],
        ['none', []],
      ],
      { coloured: false },
    ),
    'order  a\nid     -\nitems  1 × Tea\n       2 × Bread\nnone   -\n',
  );
});
