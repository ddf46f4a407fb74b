/** A client of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.ts';
import { CommandError, exitCodes } from './exit.ts';

export interface Received {
  /** `message`, unless the server says another one. */
  event: string;
  /** As it came. */
  data: string;
}

/** The server lets each client hear something every 15 seconds. */
const SILENCE_MS = 45_000;
const RETRY_MS = 1_000;

interface Block {
  id?: string | undefined;
  retry?: number | undefined;
  received?: Received;
}

/** What the lines up to an empty one say. */
const readBlock = (text: string): Block => {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    fields[name] = fields[name] !== undefined && name === 'data' ? `${fields[name]}\n${value}` : value;
  }
  const { id, retry, event = 'message', data } = fields;
  return {
    id,
    retry: retry !== undefined && /^\d+$/.test(retry) ? Number(retry) : undefined,
    ...(data !== undefined && { received: { event, data } }),
  };
};

/**
 * Hears events until the server says that there are no more. If the connection is lost, it goes on where it was.
 * @param lost is told once for each time that it is lost
 * @param signal ends it
 * @param cookie makes the header Cookie for each connection, if it wants one
 * @throws CommandError if the API does not answer at first, or refuses
 */
export async function* events(
  api: Api,
  path: string,
  lost: (why: string) => void,
  signal: AbortSignal,
  cookie?: () => Promise<string>,
): AsyncGenerator<Received> {
  let lastId: string | undefined;
  let retryMs = RETRY_MS;
  let begun = false;
  let isLost = false;
  while (!signal.aborted) {
    try {
      const headers = {
        accept: 'text/event-stream',
        'last-event-id': lastId,
        ...(cookie && { cookie: await cookie() }),
      };
      const response = await api.open(path, { headers, withinMs: SILENCE_MS }, signal);
      if (response.statusCode === 204) return;
      begun = true;
      isLost = false;
      response.setEncoding('utf8');
      let rest = '';
      for await (const piece of response) {
        const blocks = (rest + piece).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const { id, retry, received } of blocks.map(readBlock)) {
          lastId = id ?? lastId;
          retryMs = retry ?? retryMs;
          if (received) yield received;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      const isAway = !(error instanceof CommandError) || error.exitCode === exitCodes.away.code;
      if (!begun || !isAway) throw error;
      if (!isLost) lost(error instanceof Error ? error.message : String(error));
      isLost = true;
    }
    await sleep(retryMs, undefined, { signal }).catch(() => {});
  }
}
