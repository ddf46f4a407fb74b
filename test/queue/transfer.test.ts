/** Where a move was interrupted: what the end of one queue and the head of another have in common. */
import type { Message } from 'amqplib';
import t from 'tap';
import { countMoved } from '../../queue/transfer.ts';

const message = (content: string, properties: object = {}) =>
  ({ content: Buffer.from(content), fields: {}, properties: { headers: {}, ...properties } }) as Message;
const messages = (text: string) => [...text].map((body) => message(body));

const cases: [last: string, head: string, moved: number][] = [
  ['', '', 0],
  ['', 'ab', 0],
  ['ab', '', 0],
  ['ab', 'cd', 0],
  ['ab', 'bcd', 1],
  ['ab', 'abc', 2],
  ['abc', 'bc', 2],
  ['abc', 'abcd', 3],
  ['abc', 'acb', 0],
  ['aab', 'ab', 2],
  ['abab', 'abx', 2],
  ['b', 'ab', 0],
];

t.test('the longest end of the one that the other begins with', async (t) => {
  for (const [last, head, moved] of cases)
    t.equal(countMoved(messages(last), messages(head)), moved, `${last} ${head}`);
});

t.test('messages with one body and other ids or times are others', async (t) => {
  const one = message('a', { messageId: 'one', timestamp: 1 });
  t.equal(countMoved([one], [one]), 1);
  t.equal(countMoved([one], [message('a', { messageId: 'two', timestamp: 1 })]), 0);
  t.equal(countMoved([one], [message('a', { messageId: 'one', timestamp: 2 })]), 0);
});
