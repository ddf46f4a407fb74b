/** The page of the console and its parts, as the build makes them from console/. */
import type { FastifyInstance } from 'fastify';
import { HTML_TYPE, SCRIPT_TYPE, STYLE_TYPE, type StaticFile, serveFiles } from '../http/static.ts';

/** Other origins learn nothing of the console, and a page that it opens nothing of it. */
const headers = { 'cross-origin-opener-policy': 'same-origin', 'referrer-policy': 'no-referrer' };
const part = (name: string, type: string): StaticFile => ({
  url: `/console/${name}`,
  path: `console/${name}`,
  type,
  headers,
  hide: true,
});

export const servePage = (app: FastifyInstance): void => {
  // Relative, as all URLs of the page are.
  app.get('/console/', { schema: { hide: true } }, (_request, reply) => reply.redirect('../console'));
  serveFiles(app, [
    { url: '/console', path: 'console/index.html', type: HTML_TYPE, headers },
    part('console.js', SCRIPT_TYPE),
    part('console.css', STYLE_TYPE),
  ]);
};
