/** Makes the elements of the page. Texts become text, never markup. */

/** Makes an element. @param {...(Node | string)} children */
export const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

/** What stands between backticks as code, and links; all else of Markdown is not used. */
export const inline = (text = '') =>
  text.split(/(`[^`]+`|\[[^\]]+\]\([^)]+\))/).map((part) => {
    if (part.startsWith('`')) return make('code', {}, part.slice(1, -1));
    const [, words, href] = /^\[([^\]]+)\]\((https:[^)]+)\)$/.exec(part) ?? [];
    return href ? make('a', { href }, words) : part;
  });
export const paragraphs = (text = '') => text.split('\n\n').map((part) => make('p', {}, ...inline(part)));

export const table = (heads, rows) =>
  make(
    'div',
    { class: 'wide' },
    make(
      'table',
      {},
      make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', { scope: 'col' }, head)))),
      make('tbody', {}, ...rows),
    ),
  );
export const row = (attributes, head, ...cells) =>
  make(
    'tr',
    attributes,
    make('th', { scope: 'row' }, ...[head].flat()),
    ...cells.map((cell) => make('td', {}, ...[cell].flat())),
  );
export const json = (value) =>
  make('pre', { tabindex: '0' }, make('code', {}, JSON.stringify(value, undefined, 2)));
export const unfold = (title, ...children) =>
  make('details', {}, make('summary', {}, ...[title].flat()), ...children);
