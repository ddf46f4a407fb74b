/**
 * The outcomes that are told of jobs. Each comes about as in reality: by real deliveries, applied to a real database.
 */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { openCache } from '../../cache/cache.ts';
import { applyJobs } from '../../consumer/apply.ts';
import { accepted } from '../../consumer/times.ts';
import { parseJob, writeJob } from '../../domain/jobs.ts';
import { createClock } from '../../domain/versions.ts';
import { openLetters } from '../../jobs/letters.ts';
import { createOutcomes } from '../../jobs/outcomes.ts';
import { openStory } from '../../jobs/story.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { type DoneTold, type OutcomeTold, observers } from '../../process/observer.ts';
import { openBroker } from '../../queue/broker.ts';
import { type Delivery, takeJobs } from '../../queue/deliveries.ts';
import { until } from '../../testbed/until.ts';
import { startDatabase } from '../helpers/database.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment({ MAX_ATTEMPTS: '2' });
const config = loadConfig(env);
const stores = await openStores(t, env);
const { orm } = startDatabase(t, env, true);
const clock = createClock();

const told: (OutcomeTold | DoneTold)[] = [];
const observer = observers(unobserved, {
  outcome: (event) => void told.push(event),
  jobsDone: ({ jobs }) => void told.push(...jobs()),
});
const cache = openCache(config, observer);
const broker = await openBroker(config.rabbitmq, observer);
t.teardown(() => Promise.all([cache.close(), broker.close()]));

const story = openStory(cache, orm, true);
t.teardown(() => story.close());
const outcomes = createOutcomes({
  cache,
  story,
  observer,
  acknowledge: (deliveries: Delivery[]) => jobs.acknowledge(deliveries),
  track: () => {},
});
const take = async (delivery: Delivery) => {
  try {
    const entry = { job: parseJob(delivery.body), delivery };
    const applied = await applyJobs({ orm, observer, clock, writeLagMs: 0, isTold: true }, [accepted(entry)]);
    await outcomes.applied([entry], applied, { began: performance.now(), ms: 1 });
  } catch (error) {
    outcomes.refused(delivery, String(error));
  }
};
const jobs = await takeJobs(config.rabbitmq, observer, 1, (delivery) => void take(delivery));
t.teardown(async () => {
  await jobs.stop();
  await jobs.close();
});

const orderId = randomUUID();
const order = {
  order_id: orderId,
  customer_name: 'Ada',
  status: 'new',
  items: [{ name: 'Tea', quantity: 1 }],
};
const job = (
  type: 'create_order' | 'update_order_status' | 'delete_order',
  payload: object,
  version: number,
) =>
  writeJob({ jobId: randomUUID(), type, payload: JSON.stringify(payload), version, acceptedAt: new Date() });
const patch = (status: string, version: number, id = orderId) =>
  job('update_order_status', { order_id: id, status }, version);

/** Publishes a message, and waits for what is told of it. */
const becomes = async (body: Buffer): Promise<OutcomeTold | DoneTold | undefined> => {
  const before = told.length;
  await stores.publish(body, { correlationId: 'req-1' });
  await until('it has an outcome', () => told.length > before);
  return told[before];
};

const now = clock.next();
const create = job('create_order', order, now);

t.test('jobs that were applied, or need not be', async (t) => {
  t.match(await becomes(create), {
    outcome: 'applied',
    transaction: { ms: 1 },
    jobType: 'create_order',
    orderId,
    requestId: 'req-1',
  });
  t.match(await becomes(create), { outcome: 'unchanged' }, 'a repetition');
  const packed = patch('packed', now + 2);
  t.match(await becomes(packed), { outcome: 'applied' });
  t.match(await becomes(packed), { outcome: 'unchanged' }, 'a repetition');
  t.match(await becomes(patch('paid', now + 1)), { outcome: 'superseded' }, 'a newer write had won');
  t.match(await becomes(job('delete_order', { order_id: orderId }, now + 3)), { outcome: 'applied' });
  t.match(await becomes(patch('late', now + 4)), { outcome: 'superseded' }, 'the delete had won');
});

t.test('jobs that fail, and letters', async (t) => {
  const lost = patch('packed', now, randomUUID());
  t.match(await becomes(lost), {
    outcome: 'retried',
    reason: 'order_not_found',
    attempt: 1,
    delayMs: 1_000,
    error: /There is no order/,
  });
  await until('it is dead', () => told.at(-1)?.outcome === 'dead');
  t.match(told.at(-1), { outcome: 'dead', reason: 'order_not_found', attempt: 2 });
  t.match(await becomes(Buffer.from('{}')), {
    outcome: 'dead',
    reason: 'invalid_message',
    requestId: 'req-1',
  });

  const letters = openLetters({ broker, cache, story, observer });
  const { job_id: jobId } = JSON.parse(lost.toString());
  t.equal(await letters.replay([jobId]), 1);
  t.match(
    told.find(({ outcome }) => outcome === 'replayed'),
    { jobId, jobType: 'update_order_status' },
  );
  await until('it has failed as before', () => told.filter(({ outcome }) => outcome === 'dead').length === 3);
  t.equal(await letters.discard(), 2);
  t.equal(told.filter(({ outcome }) => outcome === 'discarded').length, 2);
});
