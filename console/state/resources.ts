/**
 * What pages show. A resource is asked for once at a time: who wants it again meanwhile gets it once more afterwards. What
 * was had stays until there is something newer, so a refresh takes nothing away from under the reader.
 */
import { type ReadonlySignal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { Failure } from './calls.ts';

const RETRY_MS = 3_000;
/** How many are kept that no page shows, for who comes back. */
const KEPT = 30;

export interface Known<T> {
  data: T | undefined;
  /** When the data was had, in milliseconds since 1970. */
  at: number | undefined;
  /** Why there is nothing newer. */
  failure: Failure | undefined;
  busy: boolean;
}

export interface Resource<T> {
  known: ReadonlySignal<Known<T>>;
  /** Never rejects. */
  refresh(): Promise<void>;
}

type Load<T> = (signal: AbortSignal) => Promise<T>;

interface Kept<T> extends Resource<T> {
  /** Begins to be shown; returns a function that ends that. */
  show(): () => void;
}

const createResource = <T>(load: Load<T>, onFailure: (failure: Failure) => void): Kept<T> => {
  const known = signal<Known<T>>({ data: undefined, at: undefined, failure: undefined, busy: false });
  let shown = 0;
  let ending = new AbortController();
  let again = false;
  let running: Promise<void> | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;

  const loadOnce = async (): Promise<void> => {
    known.value = { ...known.value, busy: true };
    const { signal: ended } = ending;
    try {
      const data = await load(ended);
      known.value = { data, at: Date.now(), failure: undefined, busy: false };
    } catch (error) {
      const failure = error instanceof Failure ? error : undefined;
      known.value = { ...known.value, failure: failure ?? known.value.failure, busy: false };
      if (failure === undefined) return;
      onFailure(failure);
      if (failure.kind === 'away' && shown > 0) retry = setTimeout(refresh, RETRY_MS);
    }
  };
  const refresh = (): Promise<void> => {
    clearTimeout(retry);
    if (running) again = true;
    running ??= (async () => {
      do {
        again = false;
        await loadOnce();
      } while (again && shown > 0);
      running = undefined;
    })();
    return running;
  };

  return {
    known,
    refresh,
    show: () => {
      shown++;
      if (ending.signal.aborted) ending = new AbortController();
      void refresh();
      return () => {
        if (--shown > 0) return;
        clearTimeout(retry);
        ending.abort();
      };
    },
  };
};

export const createResources = (onFailure: (failure: Failure) => void) => {
  const all = new Map<string, Kept<unknown>>();
  return {
    /** The resource of this name: the same one as before, if it was shown lately. */
    get: <T>(name: string, load: Load<T>): Kept<T> => {
      const kept = (all.get(name) as Kept<T> | undefined) ?? createResource(load, onFailure);
      all.delete(name);
      all.set(name, kept as Kept<unknown>);
      for (const oldest of all.keys()) {
        if (all.size <= KEPT) break;
        all.delete(oldest);
      }
      return kept;
    },
    /** Forgets everything, as somebody else may sign in. */
    clear: (): void => all.clear(),
  };
};
export type Resources = ReturnType<typeof createResources>;

/** A resource for as long as a component shows it. @param name says all on which `load` depends */
export const useResource = <T>(resources: Resources, name: string, load: Load<T>): Resource<T> => {
  const resource = useMemo(() => resources.get(name, load), [resources, name]);
  useEffect(() => resource.show(), [resource]);
  return resource;
};
