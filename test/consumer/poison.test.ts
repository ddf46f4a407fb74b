/** A job that ends the process that takes it costs its neighbours nothing. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const MAX_ATTEMPTS = 3;
/** Five processes start one after the other, each of which takes seconds on a busy machine. */
const ALL_DONE_MS = 60_000;
/** Ends a process by SIGKILL when an order of the customer "poison" reaches the database. */
const poison = new URL('../faults/inject/poison.mjs', import.meta.url);

const job = (customer_name: string) => ({
  job_id: randomUUID(),
  type: 'create_order',
  payload: {
    order_id: randomUUID(),
    customer_name,
    status: 'received',
    items: [{ name: 'Tea', quantity: 1 }],
  },
});

for (const type of ['quorum', 'classic'])
  t.test(`${type}: exactly the poison is in the dead letters, its neighbours are applied`, async (t) => {
    const env = await isolatedEnvironment({
      MAX_ATTEMPTS: String(MAX_ATTEMPTS),
      RABBITMQ_QUEUE_TYPE: type,
    });
    const stores = await openStores(t, env);
    const dead = `${stores.queue}.dead`;
    let consumer = startProcess(t, 'consumer', env, [poison]);
    await consumer.says('consuming');

    const good = Array.from({ length: 20 }, () => job('Ada'));
    const bad = { ...job('poison'), version: Date.now() * 1_000 };
    const copy = `temp_order:${bad.payload.order_id}`;
    await stores.redis.set(copy, JSON.stringify({ ...bad.payload, version: String(bad.version) }));
    for (const one of [...good.slice(0, 10), bad, ...good.slice(10)]) await stores.publish(one);

    let deaths = 0;
    const applied = async () => (await stores.rows('SELECT id FROM orders')).map(({ id }) => id);
    const allDone = async () => {
      if (consumer.child.signalCode) {
        t.equal(consumer.child.signalCode, 'SIGKILL');
        deaths++;
        consumer = startProcess(t, 'consumer', env, [poison]);
      }
      return (await applied()).length === good.length && (await stores.waiting(dead)) === 1;
    };
    await until('all is done', allDone, ALL_DONE_MS);
    t.equal(deaths, MAX_ATTEMPTS + 1, 'the first one is not counted');
    t.strictSame(new Set(await applied()), new Set(good.map(({ payload }) => payload.order_id)));

    const letter = await until('there is a dead letter', () => stores.take(dead));
    t.strictSame(JSON.parse(letter.content.toString()), bad);
    t.match(letter.properties.headers, {
      'x-reason': 'crashed',
      'x-error': 'Each process that took the job ended before it was done.',
    });
    await until('nobody sees it any more', async () => (await stores.redis.exists(copy)) === 0);
    await until(
      'nothing is left of the counting',
      async () => (await stores.rows('SELECT * FROM begun_jobs')).length === 0,
    );
    t.strictSame(await stores.rows('SELECT * FROM begun_jobs'), []);
    t.equal(await stores.waiting(), 0);
  });
