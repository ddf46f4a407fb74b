/** A page with plots that needs no other files. */
import { colour, escaped, type Series } from './plots.ts';

const STYLE = `
:root { --text: #1f2328; --soft: #59636e; --grid: #d8dee4; --page: #ffffff;
  --bare: #b8bec6; --series-1: #2166ac; --series-2: #d6604d; --series-3: #4d9221;
  --series-4: #8073ac; --series-5: #b35806; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9198a1; --grid: #3d444d; --page: #0d1117;
  --bare: #6e7681; --series-1: #6ea8dc; --series-2: #f4a582; --series-3: #a6d96a;
  --series-4: #b2abd2; --series-5: #fdb863; } }
body { margin: 2rem auto; max-width: 52rem; padding: 0 1rem; color: var(--text); background: var(--page);
  font: 15px/1.5 system-ui, sans-serif; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1.1rem; }
p, dl { color: var(--soft); }
.legend span { margin-right: 1.2em; }
.legend i { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; border-radius: 2px; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--text); }
svg .grid { stroke: var(--grid); }
svg polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
pre { overflow-x: auto; font-size: 12px; line-height: 1.4; }`;

/** Series in the colours of the page, one after the other. */
export const inColours = (names: string[]): Series[] => names.map((name, i) => ({ name, fill: colour(i) }));
/** A plot with its title and what its colours mean. */
export const section = (title: string, series: Series[], plot: string) => {
  const legend = series.map(
    ({ name, fill }) => `<span><i style="background: ${fill}"></i>${escaped(name)}</span>`,
  );
  return `<h2>${escaped(title)}</h2><p class="legend">${legend.join('')}</p>${plot}`;
};

/** @param parts HTML @returns a whole document */
export const page = (title: string, parts: string[]): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${parts.join('\n')}
</body>
</html>
`;
