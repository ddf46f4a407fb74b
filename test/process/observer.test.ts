import t from 'tap';
import { unobserved } from '../../process/log-events.ts';
import { observers } from '../../process/observer.ts';

t.test('every listener of an event is told, in their order', async (t) => {
  const told: string[] = [];
  const listen = (name: string) => ({ consuming: () => void told.push(name) });
  const observer = observers({ ...unobserved, ...listen('log') }, listen('metrics'), listen('traces'));
  observer.consuming({ queue: 'jobs', prefetch: 1 });
  t.strictSame(told, ['log', 'metrics', 'traces']);
});

t.test('an event that nobody else listens to costs no more than the log', async (t) => {
  const observer = observers(unobserved, { listening: () => {} });
  t.equal(observer.consuming, unobserved.consuming);
  t.not(observer.listening, unobserved.listening);
});
