import t from 'tap';
import { createMemory } from '../../../api/lists/memory.ts';

const item = (key: string, bytes: number) => ({ key, bytes });

t.test('the least recently used go first', async (t) => {
  const memory = createMemory(10);
  const [a, b, c, d] = [item('a', 4), item('b', 4), item('c', 2), item('d', 3)];
  for (const each of [a, b, c]) memory.keep(each);
  t.equal(memory.find('a'), a, 'all that fits is kept');
  memory.keep(d);
  t.equal(memory.find('b'), undefined, 'a was used after b');
  for (const each of [a, c, d]) t.equal(memory.find(each.key), each);
  memory.keep(item('e', 10));
  for (const { key } of [a, c, d]) t.equal(memory.find(key), undefined);
});

t.test('what is larger than everything is not kept, and nothing goes for it', async (t) => {
  const memory = createMemory(10);
  const small = item('a', 1);
  memory.keep(small);
  memory.keep(item('b', 11));
  t.equal(memory.find('b'), undefined);
  t.equal(memory.find('a'), small);
  memory.keep(item('a', 11));
  t.equal(memory.find('a'), undefined, 'nor is what it would replace');
});

t.test('one that takes the place of another frees what that took', async (t) => {
  const memory = createMemory(10);
  const other = item('b', 4);
  memory.keep(item('a', 6));
  memory.keep(other);
  for (let bytes = 1; bytes <= 6; bytes++) memory.keep(item('a', bytes));
  t.equal(memory.find('b'), other);
});

t.test('what grows makes others go, or itself', async (t) => {
  const memory = createMemory(10);
  const [a, b] = [item('a', 4), item('b', 4)];
  memory.keep(a);
  memory.keep(b);
  memory.grow(b, 2);
  t.equal(memory.find('a'), a);
  memory.grow(b, 1);
  t.equal(memory.find('b'), undefined, 'the least recently used');
  memory.grow(b, 100);
  t.equal(memory.find('a'), a, 'what is not kept counts for nothing');
  memory.grow(a, 7);
  t.equal(memory.find('a'), undefined, 'larger than everything by now');
  const c = item('c', 10);
  memory.keep(c);
  t.equal(memory.find('c'), c, 'nothing is left of what went');
});

t.test('what is in use counts until nobody uses it, kept or not, and does not go', async (t) => {
  const memory = createMemory(10);
  const [a, b] = [item('a', 6), item('b', 4)];
  memory.keep(a);
  const releases = [memory.use(a), memory.use(a), memory.use(b)];
  const claim = memory.claim();
  t.notOk(claim.grow(1), 'there is no room for more');
  t.equal(memory.find('a'), a);
  memory.keep(item('a', 1));
  t.equal(memory.find('a'), undefined, 'one that takes its place does not free it');
  releases[0]?.();
  releases[0]?.();
  t.notOk(claim.grow(1), 'somebody else still uses it');
  releases[1]?.();
  t.ok(claim.grow(6));
  t.notOk(claim.grow(1));
  releases[2]?.();
  t.ok(claim.grow(4));
});

t.test('what is being made makes what is kept go, and gives its room back', async (t) => {
  const memory = createMemory(10);
  memory.keep(item('a', 5));
  memory.keep(item('b', 5));
  const [one, other] = [memory.claim(), memory.claim()];
  t.ok(one.grow(3));
  t.equal(memory.find('a'), undefined);
  t.ok(one.grow(7));
  t.equal(memory.find('b'), undefined);
  t.notOk(other.grow(1));
  memory.keep(item('c', 1));
  t.equal(memory.find('c'), undefined, 'nothing is kept at its cost');
  one.release();
  one.release();
  t.ok(other.grow(10));
});
