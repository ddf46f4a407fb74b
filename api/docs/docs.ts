/** What the documentation says of itself. */
import type { Operation, Operations, Tag } from './operation.ts';

/** @param tag that of the group in which it is */
const file = (
  tag: Tag,
  operationId: string,
  { summary, description, type }: { summary: string; description: string; type: string },
): Operation => ({
  operationId,
  tag,
  summary,
  description,
  headers: ['If-None-Match', 'Accept-Encoding'],
  answers: {
    200: { description: 'The document.', headers: ['ETag', 'Cache-Control', 'Content-Encoding'], type },
    304: { description: 'The client has it already.', headers: ['ETag', 'Cache-Control'] },
  },
});

const document = (operationId: string, summary: string, description: string, type: string): Operation =>
  file('docs', operationId, { summary, description, type });
/** A page for people. */
export const page = (operationId: string, tag: Tag, summary: string, description: string): Operation =>
  file(tag, operationId, { summary, description, type: 'text/html' });

export const docsDocs: Operations = {
  'GET /openapi.json': document(
    'readOpenapi',
    'This document',
    'All calls, as [OpenAPI 3.1](https://spec.openapis.org/oas/v3.1.1.html) describes them.',
    'application/json',
  ),
  'GET /asyncapi.json': document(
    'readAsyncapi',
    'The messages',
    'All queues and messages, as [AsyncAPI 3.0](https://www.asyncapi.com/docs/reference/specification/v3.0.0) describes them.',
    'application/json',
  ),
  'GET /docs': document('readDocs', 'A page for people', 'It shows both documents.', 'text/html'),
};
