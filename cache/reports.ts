/** What is told of a link to Redis (link.ts): each change once. */
import type { Config } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';
import { createExplainer } from '../process/tls-probe.ts';
import { TlsRefusal } from '../process/tls-refusals.ts';
import type { Address } from './cluster-slots.ts';
import { isRefusal, isTimeout, reasonOf } from './redis.ts';

/**
 * Tells the observer of each change of a link once. A link that was lost and then refuses is a change too, and so is each
 * new reason for which TLS is refused.
 */
export const createReports = (
  observer: Observer,
  server: string,
  { host, port, tls }: Pick<Config['redis'], 'host' | 'port' | 'tls'>,
) => {
  let serving = false;
  let ended = false;
  let reached: boolean | undefined;
  let refused = false;
  /** Why TLS is refused, if that was told. */
  let told: string | undefined;
  /** Whether the present connection has been of use. If not, TLS may be what keeps it from that. */
  let hasServed = false;
  const explain = createExplainer();

  const tell = (error: unknown): void => {
    // What keeps a connection from being of use may take a moment to find out.
    if (serving || ended) return;
    const isNew = error instanceof TlsRefusal && error.message !== told;
    if (reached === false && !isNew && (refused || !isRefusal(error))) return;
    const before = reached === undefined ? 'unknown' : reached ? 'reached' : 'lost';
    if (isNew) told = error.message;
    reached = false;
    refused = isRefusal(error);
    if (isTimeout(error)) observer.serverSilent({ server });
    else if (isRefusal(error)) observer.serverRefuses({ server, reason: reasonOf(error) });
    else {
      const reason = error instanceof Error ? error.message || error.name : String(error);
      observer.serverLost({ server, before, reason });
    }
  };

  return {
    serves: (): void => {
      observer.serverReached({ server, again: reached !== undefined });
      serving = true;
      hasServed = true;
      reached = true;
      refused = false;
      told = undefined;
    },
    /** @param at the node of a cluster, if it is about one */
    fails: (error: unknown, at: Address = { host, port }): void => {
      serving = false;
      if (hasServed) tell(error);
      else explain(error, { prefix: 'REDIS', host: at.host, port: at.port, tls }, tell);
    },
    /** The next failure is one of a connection that has not been of use yet. */
    isNewConnection: (): void => {
      hasServed = false;
    },
    /** Nothing more is told. */
    end: (): void => {
      ended = true;
    },
  };
};
