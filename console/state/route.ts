/**
 * Where somebody is: in the part of the URL behind `#`, so that a reload, the way back and a link to a colleague lead
 * to the same page, with the same filter, page and tab.
 */
import { computed, signal } from '@preact/signals';

export interface Route {
  /** The parts of the path, such as `orders` and an id. */
  path: string[];
  query: URLSearchParams;
}

const routeOf = (hash: string): Route => {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  };
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) };
};

/** The link to a page. Parameters that are empty are left out. */
export const linkTo = (path: string[], query: Record<string, string | undefined> = {}): string => {
  const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const search = new URLSearchParams(given).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search && `?${search}`}`;
};

const SCROLLS = 'console.scrolls';
const MOST_SCROLLS = 50;

export const createRouting = () => {
  const hash = signal(location.hash);
  const route = computed(() => routeOf(hash.value));
  const scrolls = new Map<string, number>(JSON.parse(sessionStorage.getItem(SCROLLS) ?? '[]'));
  let wanted: number | undefined = scrolls.get(location.hash);
  history.scrollRestoration = 'manual';

  const remember = (): void => {
    scrolls.delete(hash.peek());
    scrolls.set(hash.peek(), Math.round(scrollY));
    sessionStorage.setItem(SCROLLS, JSON.stringify([...scrolls].slice(-MOST_SCROLLS)));
  };
  addEventListener('scroll', remember, { passive: true });
  let replacing = false;
  addEventListener('hashchange', () => {
    if (replacing) replacing = false;
    else {
      wanted = scrolls.get(location.hash) ?? 0;
      if (wanted === 0) scrollTo(0, 0);
    }
    hash.value = location.hash;
  });

  return {
    route,
    go: (link: string): void => {
      location.hash = link;
    },
    /** Changes the present page's own parameters: it stays where it is, and is one step of the way back. */
    change: (query: Record<string, string | undefined>): void => {
      const { path, query: present } = route.peek();
      const link = linkTo(path, { ...Object.fromEntries(present), ...query });
      if (link === location.hash) return;
      replacing = true;
      location.hash = link;
    },
    /** To be called when a page has got its content: scrolls to where its reader was. */
    settle: (): void => {
      if (wanted === undefined) return;
      const top = wanted;
      wanted = undefined;
      requestAnimationFrame(() => scrollTo(0, top));
    },
  };
};
