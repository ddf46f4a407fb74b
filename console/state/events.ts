/** Hears what happens to a job or an order while its page is shown and looked at. */
import { useEffect } from 'preact/hooks';

/**
 * @param path of the stream; undefined for none
 * @param happened is called after each event, and when the page is looked at again
 */
export const useEvents = (path: string | undefined, happened: () => void): void =>
  useEffect(() => {
    if (path === undefined) return undefined;
    let source: EventSource | undefined;
    const follow = (): void => {
      source?.close();
      if (document.visibilityState === 'hidden') return;
      source = new EventSource(path);
      source.onmessage = happened;
    };
    const seen = (): void => {
      follow();
      if (document.visibilityState === 'visible') happened();
    };
    follow();
    document.addEventListener('visibilitychange', seen);
    return () => {
      source?.close();
      document.removeEventListener('visibilitychange', seen);
    };
  }, [path, happened]);
