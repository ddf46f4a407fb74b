/** Ports that test files which run side by side do not take from each other. */
import t from 'tap';
import { freePort, whoAnswers } from '../../ops/ports.ts';

t.test('a port on which nobody listens, below those of outgoing connections', async (t) => {
  const port = await freePort();
  t.ok(port >= 10_000 && port < 32_768, `${port}`);
  t.equal(await whoAnswers('127.0.0.1', port), 'none');
});

t.test('none is given out twice while who has it lives', async (t) => {
  // So many of these numbers, drawn at random, have twins among them 9,999 times in 10,000.
  const ports = await Promise.all(Array.from({ length: 650 }, freePort));
  t.equal(new Set(ports).size, ports.length);
});
