/** Where a move was interrupted: what the end of one queue and the head of another have in common, and what has arrived. */
import type { Message } from 'amqplib';
import t from 'tap';
import { carriedHeaders, MOVED } from '../../queue/headers.ts';
import { countPublished, whereToGoOn } from '../../queue/moved.ts';

const message = (content: string, properties: object = {}) =>
  ({ content: Buffer.from(content), fields: {}, properties: { headers: {}, ...properties } }) as Message;
const messages = (text: string) => [...text].map((body) => message(body));
/** Copies of messages, numbered from `from` on: "ab" from 3 on are a with 3 and b with 4. */
const copies = (text: string, from: number) =>
  [...text].map((body, i) => message(body, { headers: { [MOVED]: from + i } }));

const published: [last: string, head: string, count: number][] = [
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

t.test('published is the longest end of the one that the other begins with', async (t) => {
  for (const [last, head, count] of published)
    t.equal(countPublished(messages(last), messages(head)), count, `${last} ${head}`);
});

t.test('messages with one body and other ids or times are others', async (t) => {
  const one = message('a', { messageId: 'one', timestamp: 1 });
  t.equal(countPublished([one], [one]), 1);
  t.equal(countPublished([one], [message('a', { messageId: 'two', timestamp: 1 })]), 0);
  t.equal(countPublished([one], [message('a', { messageId: 'one', timestamp: 2 })]), 0);
});

const abcd = copies('abcd', 7);
const unknown = undefined;
const places: [
  what: string,
  last: Message[],
  head: string,
  there: number | undefined,
  arrived: number,
  next: number | undefined,
][] = [
  ['nothing was moved', [], 'ab', 0, 0, 1],
  ['all have arrived', abcd, 'abcdef', 10, 4, 11],
  ['the last is missing', abcd, 'abcdef', 9, 3, 10],
  ['three are missing', abcd, 'abcdef', 7, 1, 8],
  ['all are missing', abcd, 'abcdef', 6, 0, 7],
  ['some are acknowledged, the last is missing', abcd, 'cdef', 9, 1, 10],
  ['some are acknowledged, all others are missing', abcd, 'cdef', 7, 0, 8],
  ['all are acknowledged', abcd, 'ef', 10, 0, 11],
  ['nothing waits', abcd, '', 10, 0, 11],
  ['what was missing was moved again', [...copies('abcd', 7), ...copies('cd', 9)], 'cdef', 9, 1, 10],
  ['consumers have taken some', abcd, 'abcdef', unknown, 0, 11],
  ['consumers have taken all', abcd, 'abcdef', 0, 0, 11],
  ['others have published', abcd, 'abcdef', 11, 0, 12],
  ['the broker has lost the copies', [], 'abcdef', 10, 0, 11],
  ['the broker has lost the copies, and consumers have taken some', [], 'abcdef', unknown, 0, unknown],
  ['an earlier release has moved them', messages('abcd'), 'abcdef', unknown, 0, unknown],
  ['an earlier release has moved them, consumers have taken all', messages('abcd'), 'abcdef', 0, 0, 1],
  ['an earlier release has moved some', [...messages('ab'), ...copies('cd', 1)], 'abcdef', 2, 0, 3],
];

t.test('what has arrived is not moved again, and what may be missing is', async (t) => {
  for (const [what, last, head, there, arrived, next] of places)
    t.strictSame(whereToGoOn(last, messages(head), there), { arrived, next }, what);
});

t.test('the number stays behind when the message goes elsewhere', async (t) => {
  const headers = { [MOVED]: 9, other: 'stays' };
  t.strictSame(carriedHeaders(headers, {}, 4_096), { other: 'stays' });
  t.strictSame(carriedHeaders(headers, { [MOVED]: 1 }, 4_096), { [MOVED]: 1, other: 'stays' });
});
