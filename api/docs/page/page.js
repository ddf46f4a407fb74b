/** Shows the two documents that the service serves. */
import { inline, json, make, paragraphs, row, table, unfold } from './elements.js';
import { follow, limitsOf, membersOf, nameIn, shape, typeOf } from './schemas.js';

const section = (id, title, ...children) => make('section', {}, make('h2', { id }, title), ...children);

const parametersOf = (api, operation) => {
  const rows = (operation.parameters ?? []).map((part) => {
    const { name, in: place, required, description, schema, example } = follow(api, part);
    return row(
      {},
      [make('code', {}, name), make('span', { class: 'faint' }, ` ${place}${required ? '' : ', optional'}`)],
      typeOf(schema),
      [
        ...inline(description),
        make('div', { class: 'faint' }, limitsOf(schema)),
        ...(example === undefined ? [] : ['Such as ', make('code', {}, String(example))]),
      ],
    );
  });
  const schemes = (operation.security ?? []).flatMap(Object.keys);
  for (const name of new Set(schemes)) {
    const { name: header, in: place, description } = api.components.securitySchemes[name];
    rows.unshift(
      row(
        {},
        [make('code', {}, header), make('span', { class: 'faint' }, ` ${place}`)],
        'string',
        inline(description),
      ),
    );
  }
  return rows.length > 0
    ? [make('h4', {}, 'Parameters and headers'), table(['Name', 'Type', 'Meaning'], rows)]
    : [];
};

const bodyOf = ({ requestBody }) => {
  if (!requestBody) return [];
  const [{ schema, example }] = Object.values(requestBody.content);
  return [
    make('h4', {}, requestBody.required ? 'Body' : 'Body, optional'),
    ...shape(schema),
    ...(example === undefined ? [] : [json(example)]),
  ];
};

const answersOf = (api, operation) => {
  const answers = Object.entries(operation.responses).map(([status, part]) => [status, follow(api, part)]);
  const isError = ([, { content }]) => content && 'application/problem+json' in content;
  const good = answers
    .filter((answer) => !isError(answer))
    .flatMap(([status, { description, headers, content }]) => {
      const { schema, example } = Object.values(content ?? {})[0] ?? {};
      const named = Object.keys(headers ?? {}).flatMap((name, at) => [
        at ? ', ' : 'Headers: ',
        make('code', {}, name),
      ]);
      return [
        make('h4', {}, `Answer ${status}`),
        make('p', {}, ...inline(description)),
        ...shape(schema),
        ...(example === undefined ? [] : [json(example)]),
        make('p', { class: 'faint' }, ...named),
      ];
    });
  const errors = answers
    .filter(isError)
    .flatMap(([status, { content }]) =>
      Object.entries(content['application/json'].examples).map(([code, { value }]) =>
        row({}, status, make('a', { href: `#error-${code}` }, make('code', {}, code)), value.error),
      ),
    );
  return [
    ...good,
    ...(errors.length > 0 ? [unfold('Errors', table(['Status', 'Code', 'Such as'], errors))] : []),
  ];
};

const operationsOf = (api) =>
  api.tags.map(({ name: tag, description }) => {
    const calls = Object.entries(api.paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([, { tags }]) => tags.includes(tag))
        .map(([method, operation]) =>
          make(
            'article',
            { id: operation.operationId },
            make('h3', {}, operation.summary),
            make(
              'p',
              { class: 'call' },
              make('span', { class: `method ${method}` }, method.toUpperCase()),
              make('code', {}, path),
            ),
            ...paragraphs(operation.description),
            ...parametersOf(api, operation),
            ...bodyOf(operation),
            ...answersOf(api, operation),
          ),
        ),
    );
    return section(`tag-${tag}`, tag[0].toUpperCase() + tag.slice(1), make('p', {}, description), ...calls);
  });

const messagesOf = (async) =>
  Object.entries(async.channels).map(([name, { address, title, description, messages }]) =>
    section(
      `channel-${name}`,
      title,
      make('p', {}, make('code', {}, address)),
      ...paragraphs(description),
      make(
        'ul',
        {},
        ...Object.values(async.operations)
          .filter(({ channel }) => nameIn(channel.$ref) === name)
          .map(({ summary }) => make('li', {}, ...inline(summary))),
      ),
      ...Object.entries(messages).map(([id, part]) => {
        const message = follow(async, part);
        return make(
          'article',
          { id: `message-${id}` },
          make('h3', {}, message.title),
          ...paragraphs(message.summary),
          ...paragraphs(message.description),
          make('h4', {}, 'Body'),
          ...shape(message.payload),
          ...(message.examples ?? []).map(({ payload }) => json(payload)),
          make('h4', {}, 'Headers'),
          ...shape(message.headers),
        );
      }),
    ),
  );

const schemasOf = (...documents) =>
  section(
    'schemas',
    'Schemas',
    ...Object.entries(Object.assign({}, ...documents.map(({ components }) => components.schemas)))
      // The codes have a section of their own.
      .filter(([name]) => name !== 'ErrorCode')
      .map(([name, schema]) =>
        make(
          'article',
          { id: `schema-${name}` },
          make('h3', {}, name),
          ...paragraphs(schema.description),
          ...membersOf(schema),
        ),
      ),
  );

const errorsOf = (api) => {
  const responses = Object.entries(api.components.responses);
  const statusesOf = (code) => [
    ...new Set(
      responses.filter(([name]) => name.split('.').includes(code)).map(([name]) => name.split('.')[0]),
    ),
  ];
  const codes = api.components.schemas.ErrorCode.oneOf;
  const rows = codes.map(({ const: code, description }) =>
    row({ id: `error-${code}` }, make('code', {}, code), statusesOf(code).join(', ') || '404', description),
  );
  return section('schema-ErrorCode', 'Errors', table(['Code', 'Status', 'Meaning'], rows));
};

/** The contents, from the headings that are there. */
const contentsOf = (main) =>
  [...main.querySelectorAll('section')].flatMap((part) => {
    const head = part.querySelector('h2');
    const links = [...part.querySelectorAll('article')].map((article) =>
      make('li', {}, make('a', { href: `#${article.id}` }, article.querySelector('h3').textContent)),
    );
    return [make('h2', {}, make('a', { href: `#${head.id}` }, head.textContent)), make('ul', {}, ...links)];
  });

const load = async (name) => {
  const answer = await fetch(new URL(name, document.baseURI));
  if (!answer.ok) throw new Error(`${name} is answered with ${answer.status}.`);
  return answer.json();
};

const main = document.getElementById('documents');
try {
  const [api, async] = await Promise.all([load('openapi.json'), load('asyncapi.json')]);
  main.replaceChildren(
    make('p', { class: 'faint' }, `Version ${api.info.version}`),
    ...paragraphs(api.info.description),
    ...operationsOf(api),
    errorsOf(api),
    ...messagesOf(async),
    schemasOf(async, api),
  );
  document.getElementById('contents').append(...contentsOf(main));
  // What the URL names was not there when the page was loaded.
  if (location.hash) location.replace(location.hash);
} catch (error) {
  main.replaceChildren(make('p', { role: 'alert' }, `The documents could not be loaded: ${error.message}`));
}
