/**
 * The server against which the API is measured. It does the same I/O with the same libraries, schemas and number of
 * processes, and as little as possible besides: it has no versions, no answers for errors and no access log.
 */
import cluster from 'node:cluster';

// The primary serves nobody, so it does not load what serves.
if (cluster.isPrimary) for (let i = 0; i < Number(process.env.API_WORKERS); i++) cluster.fork();
else await import('./worker.ts');
