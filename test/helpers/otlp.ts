/** A receiver of spans, as a collector has one (https://opentelemetry.io/docs/specs/otlp, OTLP/HTTP in JSON). */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Teardown } from '../../testbed/teardown.ts';

type Value = { stringValue?: string; intValue?: number; boolValue?: boolean; doubleValue?: number };
interface Pairs {
  attributes?: { key: string; value: Value }[];
}
interface SpanData extends Pairs {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  links?: { traceId: string; spanId: string }[];
  status?: { code?: number; message?: string };
}
interface Export {
  resourceSpans: { resource: Pairs; scopeSpans: { spans: SpanData[] }[] }[];
}

const read = ({ attributes = [] }: Pairs): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
const spansIn = ({ resourceSpans }: Export) =>
  resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({ ...span, attributes: read(span), service: read(resource)['service.name'] })),
    ),
  );
export type ReceivedSpan = ReturnType<typeof spansIn>[number];

/** Receives spans until the test ends. */
export const receiveSpans = async (t: Teardown) => {
  const spans: ReceivedSpan[] = [];
  const headers: NodeJS.Dict<string | string[]>[] = [];
  const server = createServer(async (request, response) => {
    headers.push({ path: request.url, ...request.headers });
    spans.push(...spansIn((await json(request)) as Export));
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** All that came so far. */
    spans,
    /** The headers of each request, and its path. */
    headers,
  };
};
