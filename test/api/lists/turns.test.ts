import t from 'tap';
import { createTurns } from '../../../api/lists/turns.ts';

const never = new AbortController().signal;

t.test('so many have a turn, the others wait in their order', async (t) => {
  const turns = createTurns(2);
  const [first, second] = [await turns.take(never), await turns.take(never)];
  const begun: string[] = [];
  const third = turns.take(never).then((giveBack) => {
    begun.push('third');
    return giveBack;
  });
  const fourth = turns.take(never).then((giveBack) => {
    begun.push('fourth');
    return giveBack;
  });
  await new Promise(setImmediate);
  t.strictSame(begun, []);
  first();
  const giveThirdBack = await third;
  await new Promise(setImmediate);
  t.strictSame(begun, ['third']);
  second();
  const giveFourthBack = await fourth;
  giveThirdBack();
  giveFourthBack();
  await Promise.all([turns.take(never), turns.take(never)]);
});

t.test('who gives up leaves the turn to the next', async (t) => {
  const turns = createTurns(1);
  const giveBack = await turns.take(never);
  const leaving = new AbortController();
  const left = turns.take(leaving.signal);
  const next = turns.take(never);
  leaving.abort(new Error('left'));
  await t.rejects(left, { message: 'left' });
  giveBack();
  await next;
  await t.rejects(turns.take(leaving.signal), { message: 'left' });
});
