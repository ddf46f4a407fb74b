/** When notes of consumers tell that all of them have answered what they had got. */
import type { Channel } from 'amqplib';
import t from 'tap';
import { haveAllNoted, type Note, type Notes, noteProgress } from '../../queue/notes.ts';
import { until } from '../../testbed/until.ts';

// Its pauses keep no process alive.
const alive = setInterval(() => {}, 1_000);
t.teardown(() => clearInterval(alive));

const SECOND = 1_000_000;
const NOW = 1_000 * SECOND;

/** A place with a clock of its own and notes that somebody else has left; some only when it is looked at again. */
const place = (looks: [consumer: string, time: number][][], time: number | null = NOW): Notes => {
  let look = 0;
  return {
    time: async () => time,
    add: async () => {},
    since: async (_queue, from) => {
      const found = looks.slice(0, ++look).flat();
      return found.map(([consumer, at]) => ({ consumer, time: at })).filter((note) => note.time >= from);
    },
  };
};

t.test('who was there before and has noted since', async (t) => {
  const before = NOW - SECOND;
  const after = NOW + SECOND;
  const table: [what: string, consumers: number, looks: [string, number][][], isDone: boolean][] = [
    [
      'both',
      2,
      [
        [
          ['a', before],
          ['b', before],
          ['a', after],
          ['b', after],
        ],
      ],
      true,
    ],
    [
      'both in the end',
      2,
      [
        [
          ['a', before],
          ['b', before],
        ],
        [['a', after]],
        [['b', after]],
      ],
      true,
    ],
    [
      'in that moment',
      1,
      [
        [
          ['a', before],
          ['a', NOW],
        ],
      ],
      true,
    ],
    ['none that cannot be asked', 1, [[]], false],
    [
      'one that never notes',
      2,
      [
        [
          ['a', before],
          ['a', after],
        ],
      ],
      false,
    ],
    [
      'one that has come since, for one that is gone',
      2,
      [
        [
          ['a', before],
          ['a', after],
          ['c', after],
        ],
      ],
      false,
    ],
    [
      'one that was gone long before',
      2,
      [
        [
          ['a', before],
          ['a', after],
          ['d', NOW - 60 * SECOND],
        ],
      ],
      false,
    ],
  ];
  for (const [what, consumers, looks, isDone] of table)
    t.equal(await haveAllNoted(place(looks), 'queue', consumers), isDone, what);
  t.equal(
    await haveAllNoted(
      place(
        [
          [
            ['a', before],
            ['a', after],
          ],
        ],
        null,
      ),
      'queue',
      1,
    ),
    false,
    'the place is away',
  );
});

t.test('one that holds something notes nothing', async (t) => {
  const held = place([
    [
      ['a', NOW - SECOND],
      ['b', NOW - SECOND],
      ['a', NOW + SECOND],
    ],
  ]);
  t.equal(await haveAllNoted(held, 'queue', 2), false, 'in five seconds');
});

t.test('a consumer notes what it has answered', async (t) => {
  const added: Note[] = [];
  const steps: string[] = [];
  let time: number | null = NOW;
  let isOpen = true;
  let isDone = true;
  let answerAll = () => {};
  const notes: Notes = {
    time: async () => {
      steps.push('time');
      return time;
    },
    add: async (queue, note) => {
      steps.push(queue);
      added.push(note);
    },
    since: async () => [],
  };
  const channel = { checkQueue: async () => steps.push('broker') } as unknown as Channel;
  const noting = noteProgress(notes, channel, 'jobs', {
    isOpen: () => isOpen,
    isDone: () => isDone,
    whenDone: () =>
      new Promise((resolve) => {
        steps.push('held');
        answerAll = resolve;
      }),
  });
  await until('it asks for the time, then the broker', () => steps.includes('held'));
  t.strictSame(steps, ['time', 'broker', 'held']);
  t.strictSame(added, [], 'it holds something');
  time = NOW + SECOND;
  answerAll();
  await until('it has noted', () => added.length === 1);
  t.equal(added[0]?.time, NOW, 'of when it asked');
  const rounds = () => steps.filter((step) => step === 'held').length;
  await until('the next round', () => rounds() === 2);
  isDone = false;
  answerAll();
  await until('another', () => rounds() === 3);
  t.equal(added.length, 1, 'nothing as long as something of it waits elsewhere');
  isOpen = false;
  answerAll();
  await noting;
  t.equal(added.length, 1, 'nothing when its channel is closed');
});
