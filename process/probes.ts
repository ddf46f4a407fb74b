/** What a process that serves no clients answers to probes: whether it lives, and whether it can do its work. */
import { jsonPage, type Pages } from './endpoint.ts';
import type { Observer } from './observer.ts';

/**
 * Keeps in mind which servers are reached, by what the observer was told last.
 * @param names how the observer names each, by the member of an answer that says so
 */
export const watchServers = (names: Record<string, string>) => {
  const reached = new Set<string>();
  const lost = ({ server }: { server: string }) => void reached.delete(server);
  return {
    listener: {
      serverReached: ({ server }) => void reached.add(server),
      serverLost: lost,
      serverSilent: lost,
      serverRefuses: lost,
    } satisfies Partial<Observer>,
    isReached: (server: string): boolean => reached.has(server),
    states: (): Record<string, { ok: boolean }> =>
      Object.fromEntries(Object.entries(names).map(([name, server]) => [name, { ok: reached.has(server) }])),
  };
};

/** What is said by `/health/ready`. */
export interface Work {
  /** Whether the process is at work at all. */
  isAtWork: boolean;
  /** Whether nothing is in its way. */
  isWell: boolean;
  /** What else is said. */
  details: object;
}

/**
 * The pages for probes. A process that is at work while a server is away is `degraded`: it goes on by itself once that
 * is back, so nobody should replace it.
 * @param work asked for each answer
 * @returns the pages, and `end`, from which on the process is not ready
 */
export const createProbes = (work: () => Work): { pages: Pages; end: () => void } => {
  let ending = false;
  const pages: Pages = {
    '/health/live': () => jsonPage(200, { status: 'live' }),
    '/health/ready': () => {
      const { isAtWork, isWell, details } = work();
      if (ending) return jsonPage(503, { status: 'ending', ...details });
      if (!isAtWork) return jsonPage(503, { status: 'unavailable', ...details });
      return jsonPage(200, { status: isWell ? 'ready' : 'degraded', ...details });
    },
  };
  const end = () => {
    ending = true;
  };
  return { pages, end };
};
