/** The way of a write as a trace, from real processes to a small receiver of the test's own. */
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { createJob } from '../helpers/jobs.ts';
import { type ReceivedSpan, receiveSpans } from '../helpers/otlp.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const PATIENCE_MS = 60_000;
const ABSENT = '0192f0c1-0000-7000-8000-000000000000';
const receiver = await receiveSpans(t);
const port = await freePort();
const env = await isolatedEnvironment({
  PORT: String(port),
  HOST: '127.0.0.1',
  API_WORKERS: '1',
  ADMIN_PASSWORD: 'sesame',
  MAX_ATTEMPTS: '2',
});
const stores = await openStores(t, env);
const traced = {
  ...env,
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret',
  OTEL_BSP_SCHEDULE_DELAY: '100',
  OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
};
const call = (method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
  });
const order = (name: string) => ({ customer_name: name, items: [{ name: 'Tea', quantity: 1 }] });

/** A trace that a client has begun. */
const begin = (digit: string, flags = '01') => {
  const [traceId, spanId] = [digit.repeat(32), digit.repeat(16)];
  const headers = { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: 'shop=1' };
  return { traceId, spanId, headers };
};
const spansOf = ({ traceId }: { traceId: string }, name?: string): ReceivedSpan[] =>
  receiver.spans.filter((span) => span.traceId === traceId && (name === undefined || span.name === name));
/** Waits until so many spans of a trace have come. */
const come = (of: { traceId: string }, name: string, count = 1) =>
  until(
    `there are ${count} ${name}, not ${spansOf(of).map((span) => span.name)}`,
    () => spansOf(of, name).length >= count && spansOf(of, name),
    PATIENCE_MS,
  );
const one = async (of: { traceId: string }, name: string): Promise<ReceivedSpan> => {
  const [span] = await come(of, name);
  if (!span) throw new Error(`There is no ${name}.`);
  return span;
};

startProcess(t, 'api', traced);
await until(
  'the API takes writes',
  async () => (await call('POST', '/orders', order('first')).catch(() => undefined))?.status === 202,
  PATIENCE_MS,
);
const send = `send ${stores.queue}`;
const seconds = ({ startTimeUnixNano, endTimeUnixNano }: ReceivedSpan) =>
  (Number(endTimeUnixNano) - Number(startTimeUnixNano)) / 1e9;

t.test('one trace from the request to the transaction, and one of the batch that links to it', async (t) => {
  const [first, second] = [begin('a'), begin('b')];
  const [one1, other] = await Promise.all([
    call('POST', '/orders', order('Ada'), first.headers),
    call('POST', '/orders', order('Bob'), second.headers),
  ]);
  t.equal(one1.status, 202);
  t.equal(other.status, 202);
  const unsampled = begin('c', '00');
  await call('POST', '/orders', order('Eve'), unsampled.headers);
  const { order_id, job_id } = (await one1.json()) as Record<string, string>;
  const request = await one(first, 'POST /orders');
  t.match(request, {
    parentSpanId: first.spanId,
    kind: 2,
    service: 'orders-api',
    attributes: {
      'http.request.method': 'POST',
      'http.route': '/orders',
      'url.path': '/orders',
      'http.response.status_code': 202,
    },
  });
  const sent = await one(first, send);
  t.match(sent, {
    parentSpanId: request.spanId,
    kind: 4,
    attributes: {
      'messaging.message.id': job_id,
      'orders.order.id': order_id,
      'messaging.system': 'rabbitmq',
    },
  });

  // All three wait in the queue, so that they are one batch.
  startProcess(t, 'consumer', { ...traced, CONSUMER_LINGER_MS: '1000' });
  const processed = await one(first, 'process create_order');
  t.match(processed, {
    parentSpanId: sent.spanId,
    kind: 5,
    service: 'orders-consumer',
    attributes: { 'orders.outcome': 'applied', 'orders.attempt': 1, 'messaging.message.id': job_id },
  });
  const transaction = await one(first, 'transaction');
  t.equal(transaction.parentSpanId, processed.spanId);
  t.ok(seconds(transaction) >= 0 && seconds(transaction) <= seconds(processed) + 0.01);

  const [link] = transaction.links ?? [];
  const batch = await until(
    'the batch has come',
    () => receiver.spans.find(({ spanId }) => spanId === link?.spanId),
    PATIENCE_MS,
  );
  t.match(batch, { name: 'apply batch', parentSpanId: undefined, traceId: link?.traceId });
  const linked = (batch.links ?? []).map(({ traceId, spanId }) => `${traceId} ${spanId}`);
  for (const { traceId, spanId } of [sent, await one(second, send)])
    t.ok(linked.includes(`${traceId} ${spanId}`));
  t.equal(linked.length, Number(batch.attributes['messaging.batch.message_count']), 'all are linked');
  t.ok((await one(second, 'transaction')).links?.some(({ spanId }) => spanId === batch.spanId));
  t.strictSame(spansOf(unsampled), [], 'what its client does not want is not recorded');

  await t.test('it is kept over retries, in the dead letters and over a replay', async (t) => {
    const failing = begin('d');
    await call('PATCH', `/orders/${ABSENT}/status`, { status: 'lost' }, failing.headers);
    const tries = await come(failing, 'process update_order_status', 2);
    const tried = tries.map(({ attributes, status }) => [
      attributes['orders.attempt'],
      attributes['orders.outcome'],
      status?.code,
    ]);
    t.strictSame(tried.sort(), [
      [1, 'retried', 2],
      [2, 'dead', 2],
    ]);
    const sent = await one(failing, send);
    for (const { parentSpanId } of tries) t.equal(parentSpanId, sent.spanId);
    const password = { 'x-admin-password': 'sesame' };
    const replay = await call('POST', '/admin/dead-letters/replay', {}, password);
    t.equal(replay.status, 200);
    const again = await come(failing, 'process update_order_status', 3);
    t.equal(again[2]?.attributes['orders.attempt'], 1, 'as if it came for the first time');
    t.equal(again[2]?.parentSpanId, sent.spanId);
  });

  await t.test('a job of another publisher begins a trace of its own', async (t) => {
    const job = createJob();
    await stores.publish(job, { headers: { traceparent: 17, tracestate: ['x'] } });
    const processed = await until(
      'its span has come',
      () => receiver.spans.find(({ attributes }) => attributes['messaging.message.id'] === job.job_id),
      PATIENCE_MS,
    );
    t.equal(processed.parentSpanId, undefined);
  });
});

t.test('the SDK has read its settings, and probes are not followed', async (t) => {
  t.match(receiver.headers[0], { path: '/v1/traces', 'x-key': 'secret' });
  await call('GET', '/health/ready');
  const last = begin('e');
  await call('GET', `/orders/${ABSENT}`, undefined, last.headers);
  t.match(await one(last, 'GET /orders/:id'), { attributes: { 'http.response.status_code': 404 } });
  t.notOk(receiver.spans.some(({ attributes }) => `${attributes['url.path']}`.startsWith('/health')));
});
