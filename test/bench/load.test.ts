/** The load generator, against servers that do well and servers that do not. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import t, { type Test } from 'tap';
import { runLoad } from '../../bench/load/load.ts';
import { httpRequest } from '../../bench/load/requests.ts';
import { createHistogram } from '../../cli/load/histogram.ts';

const serve = async (t: Test, listener: RequestListener) => {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return { host: '127.0.0.1', port: address.port };
};
const echo: RequestListener = async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body);
};
const base = { connections: 4, warmupMs: 0, durationMs: 10_000 };
const p50 = (counts: Float64Array) => {
  const histogram = createHistogram();
  histogram.merge(counts);
  return histogram.percentile(50);
};

t.test('each of a limited number of requests is sent once, and answered', async (t) => {
  const requests = Array.from({ length: 50 }, (_, n) =>
    httpRequest('POST', '/', 200, { body: { n, text: 'Zoë' } }),
  );
  const result = await runLoad({
    ...base,
    ...(await serve(t, echo)),
    requests,
    limit: 50,
    keepBodies: true,
  });
  t.match(result, { wrong: 0, wrongExample: undefined });
  t.equal(result.count, 50);
  t.same(
    result.answers.map(({ body }) => JSON.parse(body).n).toSorted((a, b) => a - b),
    requests.map((_, n) => n),
  );
});

t.test('what is counted ends with the time', async (t) => {
  const requests = [httpRequest('GET', '/', 200)];
  const place = await serve(t, echo);
  const result = await runLoad({ ...base, ...place, requests, warmupMs: 50, durationMs: 200 });
  t.match(result, { wrong: 0, wrongExample: undefined });
  t.ok(Math.abs(result.seconds - 0.2) < 0.01, `${result.seconds} s`);
  t.ok(result.count > 0);
});

t.test('a rate is kept, and waiting for a connection counts as waiting', async (t) => {
  const place = await serve(t, (_request, response) => {
    setTimeout(() => response.writeHead(200, { 'content-length': 0 }).end(), 50);
  });
  const requests = [httpRequest('GET', '/', 200)];
  const task = { ...base, ...place, requests, rate: 40, durationMs: 500 };
  const result = await runLoad(task);
  t.equal(result.count, 20);
  const single = await runLoad({ ...task, connections: 1 });
  t.equal(single.count, 20);
  // Each takes 50 ms and is due 25 ms after the one before: the tenth has waited for 225 ms.
  t.ok(p50(single.latency) > 250, 'a server that is too slow shows');
});

t.test('a wrong status is counted as wrong, and named', async (t) => {
  const place = await serve(t, (_request, response) => {
    response.writeHead(503, { 'content-length': 0 }).end();
  });
  const requests = [httpRequest('GET', '/orders', 200)];
  const result = await runLoad({ ...base, ...place, requests, limit: 7 });
  t.match(result, {
    count: 0,
    wrong: 7,
    wrongExample: 'GET /orders was answered 503, not 200',
  });
});

t.test('a server that closes after each answer is served by new connections', async (t) => {
  const place = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 0, connection: 'close' }).end();
  });
  const requests = [httpRequest('GET', '/', 200)];
  const result = await runLoad({ ...base, ...place, requests, limit: 20 });
  t.match(result, { count: 20, wrong: 0 });
});

t.test('a connection that breaks is counted as wrong', async (t) => {
  const place = await serve(t, (request) => {
    request.socket.destroy();
  });
  const requests = [httpRequest('GET', '/', 200)];
  const result = await runLoad({ ...base, ...place, requests, limit: 5 });
  t.equal(result.count, 0);
  t.equal(result.wrong, 5);
});
