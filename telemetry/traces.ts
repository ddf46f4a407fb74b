/**
 * Traces: the way of a write as spans of OpenTelemetry. Loaded only if OTEL_EXPORTER_OTLP_ENDPOINT is set. Nothing is
 * patched and no context is carried along in secret: the code says to which request or message each step belongs.
 *   POST /orders                  the request, in its client's trace if it has one
 *     send order_write_jobs       from the publish to the confirm; the message's headers name this span
 *       process create_order      from the delivery until the job has its outcome, in a consumer; one for each try
 *         transaction             in which it was applied, linked to the span of its batch
 *   apply batch                   a trace of its own, as a batch belongs to no single request; linked to each `send`
 */
import {
  type Attributes,
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { ExportResultCode, parseTraceParent, TraceState } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import { withDeadline } from '../process/deadline.ts';
import type { DoneTold, Observer, OutcomeTold, Transaction } from '../process/observer.ts';
import type { BeginTrace, Carrier } from '../process/tracing.ts';

const SCOPE = 'orders';
/** As many as a batch has jobs at the most; OpenTelemetry's own limit is 128. */
const MOST_LINKS = 10_000;
/** How long a process that ends waits until its last spans are exported. */
const LAST_WITHIN_MS = 2_000;

/** Where a message or a request comes from; undefined if it does not say, or nothing that can be read. */
const originOf = (carrier: Carrier | undefined): SpanContext | undefined => {
  const { traceparent, tracestate } = carrier ?? {};
  const parsed = typeof traceparent === 'string' ? parseTraceParent(traceparent) : null;
  if (!parsed) return undefined;
  const state = typeof tracestate === 'string' ? new TraceState(tracestate) : undefined;
  return { ...parsed, isRemote: true, ...(state && { traceState: state }) };
};
const under = (origin: SpanContext | undefined): Context =>
  origin ? trace.setSpanContext(ROOT_CONTEXT, origin) : ROOT_CONTEXT;

/** The headers that name a span (https://www.w3.org/TR/trace-context/#traceparent-header). */
const carrierOf = ({ traceId, spanId, traceFlags, traceState }: SpanContext): Carrier => {
  const flags = traceFlags.toString(16).padStart(2, '0');
  const state = traceState?.serialize();
  return { traceparent: `00-${traceId}-${spanId}-${flags}`, ...(state && { tracestate: state }) };
};

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const fail = (span: Span, type: string, message: string): void => {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
};

/** An exporter that tells the observer once that spans are lost, until some are taken again. */
const tellingExporter = (observer: Observer): SpanExporter => {
  const exporter = new OTLPTraceExporter();
  let failing = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const fails = result.code !== ExportResultCode.SUCCESS;
        if (fails && !failing) observer.tracesLost({ reason: reasonOf(result.error ?? 'no reason given') });
        failing = fails;
        done(result);
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
};

/**
 * Opens what makes spans and exports them. The SDK reads its settings (OTEL_…) from the environment of the process.
 * @param name of the process, by default that of the service in its spans
 * @param queue the queue of jobs
 */
export const createTraces = (name: string, queue: string, observer: Observer) => {
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': `orders-${name}`, 'process.pid': process.pid }))
    .merge(detectResources({ detectors: [envDetector] }));
  const spanProcessors = [new BatchSpanProcessor(tellingExporter(observer))];
  const spanLimits = process.env.OTEL_SPAN_LINK_COUNT_LIMIT ? {} : { linkCountLimit: MOST_LINKS };
  const provider = new BasicTracerProvider({ resource, spanProcessors });
  const tracer = provider.getTracer(SCOPE);
  /** A batch is of interest if one of its jobs is: the sampler has decided on these already. */
  const batchTracer = new BasicTracerProvider({
    resource,
    spanProcessors,
    spanLimits,
    sampler: new AlwaysOnSampler(),
  }).getTracer(SCOPE);
  const messaging = { 'messaging.system': 'rabbitmq', 'messaging.destination.name': queue };

  const beginTrace: BeginTrace = ({ method, url, headers }) => {
    // Probes come every few seconds and follow nothing.
    if (url.startsWith('/health/')) return undefined;
    const attributes = { 'http.request.method': method, 'url.path': url.split('?', 1)[0] ?? '' };
    const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, under(originOf(headers)));
    const below = trace.setSpan(ROOT_CONTEXT, span);
    return {
      send: ({ jobId, jobType, orderId }) => {
        // The sampler has decided against it, and for what follows as well.
        if (!span.isRecording()) return { headers: carrierOf(span.spanContext()), over: () => {} };
        const sending = tracer.startSpan(
          `send ${queue}`,
          {
            kind: SpanKind.PRODUCER,
            attributes: {
              ...messaging,
              'messaging.operation.type': 'send',
              'messaging.message.id': jobId,
              'orders.job.type': jobType,
              'orders.order.id': orderId,
            },
          },
          below,
        );
        return {
          headers: carrierOf(sending.spanContext()),
          over: (error) => {
            if (error !== undefined) fail(sending, 'publish', reasonOf(error));
            sending.end();
          },
        };
      },
      answered: (route, status) => {
        span.updateName(route === undefined ? method : `${method} ${route}`);
        span.setAttribute('http.response.status_code', status);
        if (route !== undefined) span.setAttribute('http.route', route);
        if (status >= 500) fail(span, `${status}`, '');
        span.end();
      },
    };
  };

  /** The spans of batches, until their jobs have their outcomes. */
  const batches = new WeakMap<Transaction, SpanContext>();
  const over = (event: OutcomeTold | DoneTold): void => {
    const { outcome, jobId, jobType, orderId, delivered } = event;
    // What a reset or an operator does to a job is no delivery.
    if (!delivered) return;
    const attributes: Attributes = {
      ...messaging,
      'messaging.operation.type': 'process',
      'messaging.message.id': jobId,
      'orders.job.type': jobType,
      'orders.order.id': orderId,
      'orders.outcome': outcome,
      'orders.attempt': delivered.attempt,
    };
    const span = tracer.startSpan(
      `process ${jobType ?? queue}`,
      { kind: SpanKind.CONSUMER, startTime: delivered.at, attributes },
      under(originOf(delivered.carrier)),
    );
    if (!span.isRecording()) return;
    if ('transaction' in event) {
      const { transaction } = event;
      const batch = batches.get(transaction);
      const links = batch ? [{ context: batch }] : [];
      const below = trace.setSpan(ROOT_CONTEXT, span);
      const options = { startTime: transaction.began, links, attributes: { 'db.system.name': 'mysql' } };
      tracer.startSpan('transaction', options, below).end(transaction.began + transaction.ms);
    }
    if ('reason' in event) fail(span, event.reason, event.error);
    span.end();
  };
  const listener: Partial<Observer> = {
    batchCommitted: ({ jobs, transaction, carriers }) => {
      const origins = carriers().flatMap((carrier) => originOf(carrier) ?? []);
      if (!origins.some(({ traceFlags }) => traceFlags & TraceFlags.SAMPLED)) return;
      const links: Link[] = origins.map((context) => ({ context }));
      const attributes = {
        ...messaging,
        'messaging.operation.type': 'process',
        'messaging.batch.message_count': jobs,
        'db.system.name': 'mysql',
      };
      const span = batchTracer.startSpan(
        'apply batch',
        { kind: SpanKind.CONSUMER, root: true, startTime: transaction.began, attributes, links },
        ROOT_CONTEXT,
      );
      batches.set(transaction, span.spanContext());
      span.end(transaction.began + transaction.ms);
    },
    outcome: over,
    jobsDone: ({ jobs }) => jobs().forEach(over),
  };

  return {
    beginTrace,
    listeners: [listener],
    /** Exports what is left. Never rejects. */
    close: async (): Promise<void> => {
      await withDeadline(provider.shutdown(), LAST_WITHIN_MS).catch(() => {});
    },
  };
};
