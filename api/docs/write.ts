/** npm run docs: writes docs/openapi.json and docs/asyncapi.json. The service serves them as they are. */
import { readFileSync, writeFileSync } from 'node:fs';
import { asyncapiDocument } from './asyncapi.ts';
import { openapiDocument } from './openapi.ts';

const root = new URL('../../', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
writeFileSync(new URL('docs/openapi.json', root), await openapiDocument(version));
writeFileSync(new URL('docs/asyncapi.json', root), asyncapiDocument(version));
