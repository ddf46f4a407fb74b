/** Shows schemas, and finds what references of a document lead to. */
import { inline, make, row, table } from './elements.js';

/** The part of a document to which a reference leads, or the part itself. */
export const follow = (whole, part) =>
  part?.$ref
    ? follow(
        whole,
        part.$ref
          .slice(2)
          .split('/')
          .reduce((at, name) => at[name], whole),
      )
    : part;
export const nameIn = (reference) => reference.split('/').at(-1);

/** A short text for a schema, with links to those that have a name. */
export const typeOf = (schema = {}) => {
  if (schema.$ref) return [make('a', { href: `#schema-${nameIn(schema.$ref)}` }, nameIn(schema.$ref))];
  if ('const' in schema) return [make('code', {}, JSON.stringify(schema.const))];
  if (schema.enum) return schema.enum.flatMap((value, at) => [at ? ' or ' : '', make('code', {}, value)]);
  if (schema.type === 'array') return ['a list of ', ...typeOf(schema.items)];
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.flatMap((one, at) => [at ? ' or ' : '', ...typeOf(one)]);
  return [[schema.type ?? 'anything', schema.format].flat().filter(Boolean).join(', ')];
};

const range = (least, most, unit) => {
  if (least === undefined && most === undefined) return [];
  if (most === undefined) return [`at least ${least}${unit}`];
  return [least === undefined ? `at most ${most}${unit}` : `${least} to ${most}${unit}`];
};
/** The limits that a schema sets. */
export const limitsOf = (schema = {}) =>
  [
    ...range(schema.minimum, schema.maximum, ''),
    ...range(schema.minLength, schema.maxLength, ' characters'),
    ...range(schema.minItems, schema.maxItems, ' items'),
    ...('default' in schema ? [`if absent: ${schema.default}`] : []),
  ].join('; ');

/** The members of an object, or the choices of a union, as far down as they have no names of their own. */
export const membersOf = (schema = {}) => {
  const either = (schema.anyOf ?? schema.oneOf ?? []).filter((one) => one.properties);
  if (either.length > 0) return either.flatMap(membersOf);
  if (schema.type === 'array' && !schema.items?.$ref) return membersOf(schema.items);
  if (!schema.properties) return [];
  const rows = Object.entries(schema.properties).map(([name, member]) =>
    row(
      {},
      [
        make('code', {}, name),
        ...(schema.required?.includes(name) ? [] : [make('span', { class: 'faint' }, ' optional')]),
      ],
      typeOf(member),
      [...inline(member.description), make('div', { class: 'faint' }, limitsOf(member))],
    ),
  );
  const nested = Object.entries(schema.properties).flatMap(([name, member]) => {
    const inner = member.properties || member.items?.properties ? membersOf(member) : [];
    return inner.length > 0 ? [make('h4', {}, name), ...inner] : [];
  });
  return [table(['Member', 'Type', 'Meaning'], rows), ...nested];
};
export const shape = (schema) => (schema?.$ref ? [make('p', {}, ...typeOf(schema))] : membersOf(schema));
