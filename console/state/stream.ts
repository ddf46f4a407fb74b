/** What the server tells of the service each second: over one connection a tab, and only while somebody looks at it. */
import { signal } from '@preact/signals';
import type { Overview, Sample } from '../../api/console/sample.ts';

/** How much the plots show. */
export const WINDOW_MS = 300_000;
/** Without news for so long, what is shown is of before. */
export const STALE_MS = 5_000;
const AGAIN_MS = 3_000;
const SAMPLES = 'console.samples';

export type Line = 'connecting' | 'live' | 'away';

const kept = (): Sample[] => {
  try {
    const samples: Sample[] = JSON.parse(sessionStorage.getItem(SAMPLES) ?? '[]');
    return samples.filter(({ at }) => at > Date.now() - WINDOW_MS);
  } catch {
    return [];
  }
};

/** @param check finds out whether the session is over, if the server refuses the stream */
export const openStream = (check: () => Promise<void>) => {
  const samples = signal<Sample[]>(kept());
  const health = signal<Overview['health'] | undefined>(undefined);
  const line = signal<Line>('connecting');
  /** When something was heard last, in milliseconds since 1970 by the clock of this computer. */
  const heardAt = signal<number | undefined>(undefined);
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const take = (overview: Overview): void => {
    const last = samples.peek().at(-1)?.at ?? 0;
    const fresh = overview.samples.filter(({ at }) => at > last);
    // The server may know more of the past than we do.
    const older = samples.peek().length === 0 ? [] : samples.peek();
    const all = [...older, ...fresh];
    const end = all.at(-1)?.at ?? 0;
    samples.value = all.filter(({ at }) => at > end - WINDOW_MS);
    health.value = overview.health;
    heardAt.value = Date.now();
    line.value = 'live';
  };
  const close = (): void => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  };
  const open = (): void => {
    close();
    const own = new EventSource('console/api/overview');
    source = own;
    own.onmessage = ({ data }) => take(JSON.parse(data));
    own.onerror = () => {
      line.value = 'away';
      // Otherwise the browser connects again by itself.
      if (own.readyState !== EventSource.CLOSED) return;
      void check();
      clearTimeout(timer);
      timer = setTimeout(() => source === own && open(), AGAIN_MS);
    };
  };

  let wanted = false;
  const follow = (): void => {
    // What was heard before somebody looked away says nothing of now.
    heardAt.value = undefined;
    line.value = 'connecting';
    if (wanted && document.visibilityState === 'visible') open();
    else close();
  };
  document.addEventListener('visibilitychange', follow);
  addEventListener('pagehide', () => sessionStorage.setItem(SAMPLES, JSON.stringify(samples.peek())));

  return {
    samples,
    health,
    line,
    heardAt,
    start: (): void => {
      wanted = true;
      follow();
    },
    stop: (): void => {
      wanted = false;
      close();
    },
  };
};
export type OverviewStream = ReturnType<typeof openStream>;
