/** A run of tap that proves nothing must not count as passed. */
import t from 'tap';
import { failuresIn, tally } from './tally.ts';

const passing = 'ok 1 - test/a.test.ts # time=5ms\n# { total: 3, pass: 3 }\n';
const cases = [
  ['all pass', passing, 0, { passed: 3, failed: 0, problems: [] }],
  ['some fail', '# { total: 3, pass: 1, fail: 2 }\n', 1, { passed: 1, failed: 2, problems: [] }],
  ['the last summary counts', `# { total: 1, pass: 1 }\n${passing}`, 0, { passed: 3, failed: 0 }],
  [
    'a file without tests',
    `ok 2 - test/b.test.ts # SKIP no tests found\n${passing}`,
    0,
    { passed: 3, failed: 1, problems: ['test/b.test.ts has no tests.'] },
  ],
  ['no test at all', '# { total: 0, pass: 0 }\n', 0, { failed: 1, problems: ['No assertion was made.'] }],
  ['a run cut short', passing, 1, { passed: 3, failed: 1, problems: [/cut short/] }],
  ['a killed run', passing, null, { passed: 3, failed: 1, problems: [/cut short/] }],
  ['no output', '', null, { passed: 0, failed: 1, problems: ['tap ended without a summary.'] }],
] as const;

for (const [name, tap, exitCode, expected] of cases) t.match(tally(tap, exitCode), expected, name);

const assertion = '    not ok 2 - a title\n      ---\n      diff: |\n        -1\n        +2\n      ...\n';
const bare = '        not ok 1 - without words\n';
t.strictSame(
  failuresIn(
    `# Subtest: a.test.ts\n    ok 1 - fine\n${assertion}    # Subtest: inner\n${bare}        1..1\n    not ok 3 - inner # time=5ms\n      ---\n      at: here\n      ...\n    1..3\nnot ok 1 - a.test.ts # time=9ms\n`,
  ),
  [assertion, bare],
);
