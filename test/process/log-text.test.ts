/** What a person reads of an entry. */
import { stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { textLine } from '../../process/log-text.ts';

const time = '2026-11-28T10:29:15.491Z';
const line = (entry: object) => `${JSON.stringify({ level: 30, time, process: 'api', ...entry })}\n`;
const begin = '2026-11-28 10:29:15.491 INFO  api:';

const table: [entry: object, text: string][] = [
  [{ msg: 'MySQL is reached' }, `${begin} MySQL is reached`],
  [{ level: 40, msg: 'MySQL is lost' }, '2026-11-28 10:29:15.491 WARN  api: MySQL is lost'],
  [{ level: 50, process: 'api worker 2', msg: 'x' }, '2026-11-28 10:29:15.491 ERROR api worker 2: x'],
  [{ level: 35, msg: 'x' }, '2026-11-28 10:29:15.491 35    api: x'],
  [{}, `${begin} `],
  [
    { pid: 7, mysql: '127.0.0.1:3306/orders', again: false, none: null, msg: 'api starts' },
    `${begin} api starts pid=7 mysql=127.0.0.1:3306/orders again=false none=null`,
  ],
  [
    { reason: 'no answer', empty: '', eq: 'a=b', msg: 'x' },
    `${begin} x reason="no answer" empty="" eq="a=b"`,
  ],
  [{ orders: ['a', 'b'], msg: 'x' }, `${begin} x orders=["a","b"]`],
  [
    {
      err: { type: 'TypeError', message: 'bad', stack: '    at a (b.ts:1)\n    at c' },
      msg: 'a request failed',
    },
    `${begin} a request failed err.type=TypeError err.message=bad err.stack="    at a (b.ts:1)\\n    at c"`,
  ],
  [
    { msg: 'one\ntwo\u001b[31m', text: 'a\u001b[2Jb', c1: 'a\u009bb', line: 'a\u2028b' },
    `${begin} one\\ntwo\\u001b[31m text=a\\u001b[2Jb c1=a\\u009bb line="a\\u2028b"`,
  ],
  [{ msg: 'Zoë 🦀', name: '密码' }, `${begin} Zoë 🦀 name=密码`],
];

t.test('one line an entry', async (t) => {
  for (const [entry, text] of table) t.equal(textLine(line(entry), false), `${text}\n`, text);
  t.equal(textLine('no JSON\n', false), 'no JSON\n');
});

t.test('with colours it says the same', async (t) => {
  for (const [entry, text] of table) {
    const coloured = textLine(line(entry), true);
    t.equal(stripVTControlCharacters(coloured), `${text}\n`);
    t.not(coloured, `${text}\n`);
  }
});
