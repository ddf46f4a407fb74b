import t from 'tap';
import { isSuccession, ownersIn, type Range, redirectionIn } from '../../cache/cluster-slots.ts';

const asked = { host: 'asked', port: 1 };
/** As ioredis makes it of an answer. */
const replied = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

t.test('what a server answers that does not have a slot', async (t) => {
  const to = (host: string) => ({ slot: 3_999, address: { host, port: 6_381 } });
  for (const [message, expected] of [
    ['MOVED 3999 10.0.0.1:6381', { kind: 'MOVED', ...to('10.0.0.1') }],
    ['ASK 3999 fd00::1:6381', { kind: 'ASK', ...to('fd00::1') }],
    ['MOVED 3999 node.example:6381', { kind: 'MOVED', ...to('node.example') }],
    ['MOVED 3999 :6381', { kind: 'MOVED', ...to('asked') }],
    ['MOVED 3999 ?:6381', { kind: 'MOVED', ...to('asked') }],
    ['TRYAGAIN Multiple keys request during rehashing of slot', { kind: 'TRYAGAIN' }],
    ['CLUSTERDOWN The cluster is down', undefined],
    ['MOVED', undefined],
  ] as const)
    t.strictSame(redirectionIn(replied(message), asked), expected, message);
  t.equal(redirectionIn(new Error('MOVED 3999 10.0.0.1:6381'), asked), undefined, 'an error of ours');
});

t.test('who has each slot', async (t) => {
  const nameOf = ({ host, port }: { host: string; port: number }) => `${host}:${port}`;
  const first: Range = [0, 9_999, ['a', 1, 'id'], ['replica', 2, 'id']];
  const owners = ownersIn([first, [10_000, 16_383, [null, 3]]], 'asked', nameOf);
  t.equal(owners.length, 16_384);
  t.strictSame(
    [owners[0], owners[9_999], owners[10_000], owners[16_383]],
    ['a:1', 'a:1', 'asked:3', 'asked:3'],
  );
  t.throws(() => ownersIn([first], 'asked', nameOf), {
    message: 'Not all slots of the cluster have a server.',
  });
});

t.test('a replica that has become a master', async (t) => {
  for (const [before, now, expected, what] of [
    ['AABB', 'AABB', false, 'nothing'],
    ['AABB', 'CCBB', true, 'one took over'],
    ['AABB', 'ABBB', false, 'a slot moved'],
    ['AABB', 'ACBB', false, 'a slot moved to a new master'],
    ['AABB', 'BBBB', false, 'all slots of a master moved to others'],
    ['AABB', 'CCCC', true, 'all are others'],
    ['', 'AABB', false, 'the first answer'],
  ] as const)
    t.equal(isSuccession([...before], [...now]), expected, what);
});
