/** Whose a program is, by its PID file. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createClaim } from '../../process/claim.ts';

const never = () => {
  throw new Error('Nothing is to be undone.');
};
const claimed = (t: Test) => {
  const file = join(t.testdir(), 'some.pid');
  const claim = createClaim(file);
  claim.make(4711, never);
  return { file, claim };
};

t.test('the file names the process, and is gone once it is given up', async (t) => {
  const { file, claim } = claimed(t);
  t.equal(readFileSync(file, 'utf8'), '4711\n');
  t.ok(claim.holds());
  claim.make(4712, never);
  t.equal(readFileSync(file, 'utf8'), '4712\n');
  t.ok(claim.holds());
  claim.giveUp();
  t.notOk(existsSync(file));
});

t.test('who finds another process there, or no file, has nothing to start again', async (t) => {
  const { file, claim } = claimed(t);
  writeFileSync(file, '4713\n');
  t.notOk(claim.holds());
  claim.giveUp();
  t.equal(readFileSync(file, 'utf8'), '4713\n', 'it is left to the other');
  rmSync(file);
  t.notOk(claim.holds());
});

t.test('a process that cannot be named is undone', async (t) => {
  const undone: true[] = [];
  const claim = createClaim(join(t.testdir(), 'nowhere', 'some.pid'));
  t.throws(() => claim.make(4711, () => undone.push(true)), { code: 'ENOENT' });
  t.strictSame(undone, [true]);
});

t.test('without a file there is nobody else', async (t) => {
  const claim = createClaim(undefined);
  claim.make(4711, never);
  t.ok(claim.holds());
  claim.giveUp();
});
