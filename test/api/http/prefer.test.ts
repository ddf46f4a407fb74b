import t from 'tap';
import { readWait } from '../../../api/http/prefer.ts';

for (const [header, seconds] of [
  ['wait=5', 5],
  ['Wait=5', 5],
  [' wait = 5 ', 5],
  ['wait="5"', 5],
  ['wait=31', 30],
  [`wait=${'9'.repeat(400)}`, 30],
  ['respond-async, wait=10', 10],
  ['respond-async,WAIT=10,handling=lenient', 10],
  ['wait=5; foo="some, thing"', 5],
  ['foo; wait=7, wait=3', 3],
  ['wait=2, wait=3', 2],
  ['foo="wait=5"', undefined],
  ['foo="a, wait=5", wait=6', 6],
  ['foo="a\\", wait=5, b", wait=6', 6],
  ['foo="never ends, wait=5', 5],
  ['wait', undefined],
  ['wait, wait=3', undefined],
  ['wait=0', undefined],
  ['wait=-1', undefined],
  ['wait=1.5', undefined],
  ['wait=5s', undefined],
  ['wait=""', undefined],
  ['awaits=5', undefined],
  ['', undefined],
  [`wait=5, x=${'y'.repeat(600)}`, undefined],
  [undefined, undefined],
] as const)
  t.equal(readWait(header), seconds, String(header).slice(0, 60));
