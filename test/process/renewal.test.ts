/** When a password is asked for again. */
import t from 'tap';
import { type Answer, createRenewal } from '../../process/renewal.ts';
import { until } from '../../testbed/until.ts';

/** A source whose answer a test sets. */
const source = () => {
  const asked = { times: 0, answer: { user: 'anna', password: 'old' } as Answer | Error };
  const told: string[] = [];
  return {
    asked,
    told,
    ask: async () => {
      asked.times++;
      if (asked.answer instanceof Error) throw asked.answer;
      return asked.answer;
    },
    observer: {
      passwordRenewed: () => told.push('renewed'),
      passwordNotRenewed: ({ reason }: { reason: string }) => told.push(reason),
    },
  };
};
const known = { user: 'anna', password: 'old' };
const unknown = { user: 'anna', password: undefined };

t.test('a password in a file', async (t) => {
  const { asked, told, ask, observer } = source();
  const renewal = createRenewal('X', known, ask, 200);
  renewal.tellTo(observer);
  await renewal.ready();
  t.equal(asked.times, 0);
  const old = renewal.now();
  t.equal(await renewal.again(old), false, 'it is the same');
  t.equal(renewal.now(), old);
  t.equal(await renewal.again(old), false);
  t.equal(asked.times, 1, 'it is not read twice in a moment');
  asked.answer = { user: 'anna', password: 'new' };
  await until('it is read again', () => renewal.again(old));
  t.strictSame(renewal.now(), { user: 'anna', password: 'new' });
  t.equal(await renewal.again(old), true, 'who still had the old one may try at once');
  asked.answer = new Error('X_FILE is not there.');
  await until('it was looked for', async () => !(await renewal.again(renewal.now())) && told.length > 1);
  t.equal(renewal.now().password, 'new', 'it stays what it was');
  asked.answer = { user: 'bob', password: 'new' };
  const before = renewal.now();
  await until('there is another account', () => renewal.again(before));
  t.equal(renewal.now().user, 'bob');
  t.strictSame(told, ['renewed', 'X_FILE is not there.', 'renewed']);
});

t.test('a password that a command prints', async (t) => {
  const { asked, told, ask, observer } = source();
  const renewal = createRenewal('X', unknown, ask, 10_000);
  renewal.tellTo(observer);
  const heard: unknown[] = [];
  renewal.onRenewed(({ password }) => heard.push(password));
  asked.answer = new Error('no token');
  await t.rejects(renewal.ready(), { message: 'no token' });
  t.equal(renewal.now().password, undefined);
  asked.answer = { user: 'anna', password: 'first', renewAfterMs: 50 };
  await until('it is asked for again by itself', () => renewal.now().password === 'first');
  await renewal.ready();
  asked.answer = { user: 'anna', password: 'second', renewAfterMs: 50 };
  await until('it is renewed before its time is over', () => renewal.now().password === 'second');
  asked.answer = { user: 'anna', password: 'third', renewAfterMs: 3_600_000 };
  await until('once more', () => renewal.now().password === 'third');
  t.strictSame(heard, ['first', 'second', 'third']);
  const { times } = asked;
  asked.answer = { user: 'anna', password: 'fourth', renewAfterMs: 3_600_000 };
  t.equal(await renewal.again(renewal.now()), false, 'a command is not run again at once');
  t.equal(asked.times, times);
  t.strictSame(told, ['no token', 'renewed', 'renewed', 'renewed']);
});

t.test('all who ask at the same time share a question', async (t) => {
  const { asked, ask } = source();
  const renewal = createRenewal('X', known, ask, 1_000);
  asked.answer = { user: 'anna', password: 'new' };
  const old = renewal.now();
  t.strictSame(await Promise.all([renewal.again(old), renewal.again(old)]), [true, true]);
  t.equal(asked.times, 1);
});
