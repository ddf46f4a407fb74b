/** Makes the schemas of the service ready for documents that other programs read. */
import { WELL_FORMED } from '../../domain/texts.ts';

type Json = unknown;
const isObject = (value: Json): value is Record<string, Json> => typeof value === 'object' && value !== null;

/** What the service's validator knows and others do not, with what says the same to them, or nearly. */
const unusual: [keyword: string, value: string, instead: Record<string, Json>][] = [
  // Many languages have no such class in their regular expressions, and hardly any lets such a text arise.
  ['pattern', WELL_FORMED, {}],
  [
    'format',
    'moment',
    { format: 'date-time', pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$' },
  ],
];

/** A copy of a schema, as plain JSON, of which any program can make use. */
export const portable = (schema: Json): Json => {
  if (Array.isArray(schema)) return schema.map(portable);
  if (!isObject(schema)) return schema;
  const copy: Record<string, Json> = {};
  for (const [key, value] of Object.entries(schema)) {
    const found = unusual.find(([keyword, text]) => keyword === key && text === value);
    if (found) Object.assign(copy, found[2]);
    else if (value !== undefined) copy[key] = portable(value);
  }
  return copy;
};

/**
 * Puts references to named schemas where these stand in a document.
 * @param named the schemas, by their names
 * @returns the schemas themselves, each with references to the others, and what to do with a document
 */
export const sharing = (named: Record<string, Json>) => {
  const names = new Map(
    Object.entries(named).map(([name, schema]) => [JSON.stringify(portable(schema)), name]),
  );
  const refer = (value: Json, own?: string): Json => {
    if (Array.isArray(value)) return value.map((item) => refer(item));
    if (!isObject(value)) return value;
    const name = names.get(JSON.stringify(value));
    if (name !== undefined && name !== own) return { $ref: `#/components/schemas/${name}` };
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, refer(member)]));
  };
  const schemas = Object.fromEntries(
    Object.entries(named).map(([name, schema]) => [name, refer(portable(schema), name)]),
  );
  return { schemas, refer: (document: Json): Json => refer(portable(document)) };
};
