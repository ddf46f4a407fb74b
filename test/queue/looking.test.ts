/** Looking at dead letters leaves them there, and says why they are. */
import t from 'tap';
import { deadQueue } from '../../queue/topology.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { idsOf, openIn, settled, someJobs } from '../helpers/letters.ts';
import { openStores } from '../helpers/stores.ts';

t.test('looking does not drop a letter, whatever limit its queue has', async (t) => {
  const env = await isolatedEnvironment();
  const other = await openStores(t, env);
  await other.channel.assertQueue(deadQueue(other.queue), {
    durable: true,
    arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 14 },
  });
  const jobs = someJobs(2);
  const { letters, stores, dead } = await openIn(t, env, jobs);
  for (let looks = 0; looks < 30; looks++) {
    const { letters: found } = await letters.list(0, 10);
    t.strictSame(idsOf(found).toSorted(), idsOf(jobs).toSorted(), `look ${looks}`);
    t.match(found, [{ reason: 'failed', attempts: 5 }, { reason: 'failed' }]);
    await settled(() => stores.waiting(dead), 2);
  }
});

t.test('a job that a limit of its queue has dropped is a letter that says so', async (t) => {
  const env = await isolatedEnvironment();
  const other = await openStores(t, env);
  const dead = deadQueue(other.queue);
  const limits = { 'x-max-length': 1, 'x-message-ttl': 500 };
  await other.channel.assertQueue(other.queue, {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': dead,
      ...limits,
    },
  });
  const { letters, stores } = await openIn(t, env, []);
  for (const body of ['first', 'second']) await stores.publish(body);
  await settled(() => stores.waiting(dead), 2);
  const said = new Map((await letters.list(0, 10)).letters.map(({ body, ...rest }) => [body, rest]));
  t.match(said.get('first'), { reason: 'maxlen', error: /dropped it from orders_.*max-length/ });
  t.match(said.get('second'), { reason: 'expired', error: /dropped it from orders_.*message-ttl/ });
});
