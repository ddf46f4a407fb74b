/** /openapi.json, /asyncapi.json, and /docs, a page that shows both. */
import type { FastifyPluginAsync } from 'fastify';
import { JSON_TYPE } from '../http/answers.ts';
import { HTML_TYPE, SCRIPT_TYPE, STYLE_TYPE, type StaticFile, serveFiles } from '../http/static.ts';

const PAGE = 'api/docs/page';
const part = (name: string, type: string): StaticFile => ({
  url: `/docs/${name}`,
  path: `${PAGE}/${name}`,
  type,
  hide: true,
});

export const docsRoutes: FastifyPluginAsync = async (app) =>
  serveFiles(app, [
    { url: '/openapi.json', path: 'docs/openapi.json', type: JSON_TYPE },
    { url: '/asyncapi.json', path: 'docs/asyncapi.json', type: JSON_TYPE },
    { url: '/docs', path: `${PAGE}/page.html`, type: HTML_TYPE },
    part('page.css', STYLE_TYPE),
    ...['page.js', 'elements.js', 'schemas.js'].map((name) => part(name, SCRIPT_TYPE)),
  ]);
