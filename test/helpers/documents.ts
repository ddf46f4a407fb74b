/** The committed documents of the contracts, and what they say of real answers and messages. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Test } from 'tap';

const root = new URL('../../', import.meta.url);
export const textOf = (path: string): string => readFileSync(new URL(path, root), 'utf8');
export const jsonOf = (path: string) => JSON.parse(textOf(path));
export const version: string = jsonOf('package.json').version;

/** A part of a document that a path of names leads to, and no further than a reference. */
export type Names = string[];
const pointer = (names: Names) =>
  names.map((name) => `/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');

/** A document whose schemas values can be compared with. */
export const openDocument = (path: string) => {
  const document = jsonOf(path);
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema(document, path);

  /** The part at a path of names, and where it is, behind references. */
  const find = (names: Names): { names: Names; value: Record<string, unknown> } | undefined => {
    let at = document;
    let place: Names = [];
    for (const name of names) {
      at = at?.[name];
      place = [...place, name];
      while (typeof at?.$ref === 'string') {
        place = at.$ref
          .slice(2)
          .split('/')
          .map((part: string) => part.replaceAll('~1', '/'));
        at = place.reduce((value, part) => value?.[part], document);
      }
    }
    return at === undefined ? undefined : { names: place, value: at };
  };

  /** What is wrong with a value by the schema at a path of names; '' if nothing is. */
  const problem = (names: Names, value: unknown): string => {
    const validate = ajv.getSchema(`${path}#${pointer(names)}`);
    if (!validate) return `There is no schema at ${names.join('/')}.`;
    return validate(value) ? '' : `${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)}`;
  };
  return { document, find, problem };
};

/** An answer of the service. */
export interface Answered {
  statusCode: number;
  headers: Record<string, unknown>;
  body: string;
}

/**
 * Makes a function that compares answers with docs/openapi.json. It fails the test for an answer whose status, type, body
 * or headers are not as documented.
 * @returns the function, and the pairs of operation and status that it has seen
 */
export const answerChecker = () => {
  const { find, problem, document } = openDocument('docs/openapi.json');
  const seen = new Set<string>();

  const checkHeaders = (t: Test, what: string, place: Names, { headers }: Answered) => {
    for (const name of Object.keys(find([...place, 'headers'])?.value ?? {})) {
      const header = find([...place, 'headers', name]);
      const value = headers[name.toLowerCase()];
      if (header?.value.required) t.ok(value !== undefined, `${what} has ${name}`);
      const { type } = find([...place, 'headers', name, 'schema'])?.value ?? {};
      if (header && value !== undefined)
        t.equal(
          problem([...header.names, 'schema'], type === 'integer' ? Number(value) : value),
          '',
          `${what}: ${name}`,
        );
    }
  };

  /** @param operation as in `GET /orders/{id}` */
  const check = (t: Test, operation: string, answer: Answered): void => {
    const [method = '', path = ''] = operation.split(' ');
    const what = `${operation} ${answer.statusCode}`;
    const found = find(['paths', path, method.toLowerCase(), 'responses', String(answer.statusCode)]);
    if (!found) return void t.fail(`${what} is documented, got ${answer.body}`);
    seen.add(what);
    checkHeaders(t, what, found.names, answer);
    if (!('content' in found.value)) return void t.equal(answer.body, '', `${what} has no body`);
    const [type = ''] = String(answer.headers['content-type']).split(';');
    if (!find([...found.names, 'content', type])) return void t.fail(`${what} has the type ${type}`);
    const value = type.endsWith('json') ? JSON.parse(answer.body) : answer.body;
    t.equal(problem([...found.names, 'content', type, 'schema'], value), '', `${what}: ${type}`);
  };
  return { check, seen, document };
};
