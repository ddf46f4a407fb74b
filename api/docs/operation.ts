/**
 * What the documentation says of a call beyond the schemas of its route. Each folder of routes has it in a file `docs.ts`
 * beside `routes.ts`: only the generator of docs/openapi.json reads those, so they cost the service nothing.
 */
import type { TSchema } from '@sinclair/typebox';
import type { ErrorCode } from '../http/error-codes.ts';
import type { RequestHeader, ResponseHeader } from './headers.ts';

export type Tag = 'orders' | 'jobs' | 'admin' | 'console' | 'health' | 'docs';

export interface DocumentedAnswer {
  description: string;
  /** Besides X-Request-Id, which every answer has. With a question mark: it may be absent. */
  headers?: readonly (ResponseHeader | `${ResponseHeader}?`)[];
  /** A body as the service sends it. */
  example?: unknown;
  /** The content type of a body that no schema describes. */
  type?: string;
}

export interface Operation {
  operationId: string;
  tag: Tag;
  /** One line, without a full stop. */
  summary: string;
  /** Markdown. */
  description: string;
  /** Whether it needs the admin password: in its header or, for a call with a body, there. */
  admin?: boolean;
  /** For a call that only the console may make: whether that needs a session. */
  console?: 'session' | 'open';
  headers?: readonly RequestHeader[];
  /** The parameters in the path. */
  params?: Record<string, TSchema>;
  /** What each parameter of the query means. */
  query?: Record<string, string>;
  body?: {
    /** Whether the body may be absent. */
    optional?: boolean;
    /** What the route validates itself, piece by piece. */
    schema?: TSchema;
    /** The same as other content types. */
    others?: Record<string, { schema: TSchema; example: unknown }>;
    /** Members that the route takes besides those in its schema. */
    members?: Record<string, TSchema>;
    example: unknown;
  };
  /** The answers that are no errors, by their status. */
  answers: Record<number, DocumentedAnswer>;
  /** The codes of errors by their status, besides those that any call may have. */
  errors?: Record<number, readonly ErrorCode[]>;
}

/** By method and path, as in `GET /orders/:id`. */
export type Operations = Record<string, Operation>;
