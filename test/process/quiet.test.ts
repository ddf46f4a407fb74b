/** When memory is given back that nobody needs any more. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { collectGarbage, createQuiet } from '../../process/quiet.ts';

t.test('once after each busy time, the start included', async (t) => {
  const isTime = createQuiet();
  const looks: [utilization: number, expected: boolean][] = [
    [0.4, false],
    [0.01, true],
    [0, false],
    [0.049, false],
    [0.05, false],
    [1, false],
    [0.04, true],
    [0.04, false],
  ];
  for (const [i, [utilization, expected]] of looks.entries())
    t.equal(isTime(utilization), expected, `look ${i}, ${utilization}`);
  t.equal(createQuiet()(0), true, 'a start is a busy time');
});

t.test('garbage is collected, and what is in use stays', async (t) => {
  const kept = [{ i: 1 }];
  const refs = [new WeakRef(kept), new WeakRef([{ i: 2 }])];
  // Within the turn in which a reference was made, its object is not collected (ECMAScript, "WeakRef").
  await nextTurn();
  t.ok(refs.every((ref) => ref.deref()));
  await nextTurn();
  collectGarbage();
  t.strictSame(
    refs.map((ref) => ref.deref()),
    [kept, undefined],
  );
});
