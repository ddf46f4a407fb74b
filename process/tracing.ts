/**
 * How the way of a write is followed from process to process, if somebody wants to know (telemetry/traces.ts). Without
 * that there is no trace, and nothing is done for one.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { JobNames } from '../domain/jobs.ts';

/**
 * The headers of a request or a message. By `traceparent` and `tracestate` a trace goes on
 * (https://www.w3.org/TR/trace-context).
 */
export type Carrier = Readonly<Record<string, unknown>>;

/** A job on its way to the broker. */
export interface Sending {
  /** What goes with its message. */
  headers: Carrier;
  /** The broker has confirmed it; or not, for this reason. */
  over(error?: unknown): void;
}

export interface RequestTrace {
  send(job: JobNames): Sending;
  /** The request is over. `route` is as in `/orders/:id`, undefined if there is none. */
  answered(route: string | undefined, status: number): void;
}

/** Begins to follow a request; undefined if nobody wants to know of it. */
export type BeginTrace = (request: {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
}) => RequestTrace | undefined;
