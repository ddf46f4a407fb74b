/** Lists that the API gives in pages. */
import { CommandError } from './exit.ts';

/** The most that the API gives in one page. */
const PAGE = 1_000;

export interface Page<T> {
  rows: T[];
  /** The path of the next page; undefined if there is none. */
  next: string | undefined;
}

/**
 * Goes through pages until there are enough rows.
 * @param first makes the path of the first page, for so many rows
 * @param limit how many rows at most; Infinity for all
 * @returns whether there are more
 */
export const eachPage = async <T>(
  first: (rows: number) => string,
  limit: number,
  { read, show }: { read: (path: string) => Promise<Page<T>>; show: (rows: T[]) => Promise<void> },
): Promise<boolean> => {
  let path: string | undefined = first(Math.min(limit, PAGE));
  let left = limit;
  while (path !== undefined && left > 0) {
    const { rows, next }: Page<T> = await read(path);
    await show(rows.slice(0, left));
    left -= rows.length;
    if (next === path) throw new CommandError('The API gives the same page again and again.');
    path = next;
  }
  return path !== undefined || left < 0;
};

/** The path of the next page. @param query relative to the path of this one (RFC 3986, 5.2.2), as the API gives it */
export const nextPath = (path: string, query: string | null | undefined): string | undefined =>
  query ? `${path.split('?')[0]}${query}` : undefined;

/** The query of the next page in a header `Link` (RFC 8288). */
export const nextInLink = (link: string | string[] | undefined): string | undefined =>
  /<(\?[^>]*)>; rel="next"/.exec(String(link ?? ''))?.[1];

/** A query of what is given. */
export const queryOf = (values: Record<string, string | number | boolean | undefined>): string => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  return query.size > 0 ? `?${query}` : '';
};
