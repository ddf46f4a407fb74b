/** What docs/openapi.json says of all calls. */

export const introduction = `Writes are answered with \`202\` once the broker has them on its disks; they reach the database at its own pace, and readers see them at once. The messages on the queue are described in \`/asyncapi.json\`.

Bodies are JSON in UTF-8, at most 1 MiB (a batch 8 MiB) and not compressed, of the type \`application/json\` (for \`/admin\` of any type, for a batch also NDJSON). An id in capitals is the same id. \`HEAD\` is answered as \`GET\` is, without the body, and \`OPTIONS\` with \`204\` for any URL: pages of any origin may call the API. Any other path, or a path with another method, is answered with \`404\` and the code \`route_not_found\`.

Every error is \`{error, code}\`, or a problem of RFC 9457 for a client whose \`Accept\` prefers \`application/problem+json\`.`;

export const tags = [
  { name: 'orders', description: 'Orders, written and read.' },
  { name: 'jobs', description: 'What became of writes.' },
  { name: 'admin', description: 'For whoever has the admin password.' },
  { name: 'console', description: 'For the page /console, and for no other page.' },
  { name: 'health', description: 'For load balancers and orchestrators.' },
  { name: 'docs', description: 'The documentation itself.' },
];

export const securitySchemes = {
  adminPassword: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Admin-Password',
    description:
      'The ADMIN_PASSWORD of the server. A call with a body may have it there instead, as `password`.',
  },
  consoleSession: {
    type: 'apiKey',
    in: 'cookie',
    name: 'orders_console',
    description: 'A session of the console, which `POST /console/api/session` begins.',
  },
} as const;
