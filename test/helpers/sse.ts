/** A client of server-sent events, as far as tests need one. */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';

export interface Received {
  id: string | undefined;
  event: string;
  data: { status?: string; job_id?: string; order_id?: string; link?: string } & Record<string, unknown>;
}

export interface Source {
  status: number;
  headers: IncomingHttpHeaders;
  /** All events so far. */
  events: Received[];
  /** All that came, as text. */
  text(): string;
  /** What it would send as Last-Event-ID, and how long it would wait before, in milliseconds. */
  lastId(): string;
  retry(): number;
  isOver(): boolean;
  /** Waits for an event. */
  hears(what: string, isIt: (event: Received) => boolean): Promise<Received>;
  ends(): Promise<void>;
  close(): void;
  pause(): void;
  resume(): void;
}

/** Opens a stream. @param lastId the id of the last event that the client has */
export const openSource = async (t: Teardown, url: string, lastId?: string): Promise<Source> => {
  const headers = { accept: 'text/event-stream', ...(lastId !== undefined && { 'last-event-id': lastId }) };
  let asked: ClientRequest | undefined;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    asked = request(url, { headers, agent: false }, resolve);
    asked.on('error', reject);
    asked.end();
  });
  const events: Received[] = [];
  let text = '';
  let rest = '';
  let last = lastId ?? '';
  let retry = Number.NaN;
  let over = false;
  const take = (block: string) => {
    const fields: Record<string, string> = {};
    for (const line of block.split('\n')) {
      const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      fields[name] = value;
    }
    if (fields.id !== undefined) last = fields.id;
    if (fields.retry !== undefined) retry = Number(fields.retry);
    if (fields.data !== undefined)
      events.push({ id: fields.id, event: fields.event ?? 'message', data: JSON.parse(fields.data) });
  };
  answer.setEncoding('utf8');
  answer.on('data', (piece: string) => {
    text += piece;
    const blocks = (rest + piece).split('\n\n');
    rest = blocks.pop() ?? '';
    blocks.forEach(take);
  });
  answer.on('error', () => {});
  answer.on('close', () => {
    over = true;
  });
  t.teardown(() => answer.destroy());
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    events,
    text: () => text,
    lastId: () => last,
    retry: () => retry,
    isOver: () => over,
    hears: (what, isIt) => until(`it hears ${what}`, () => events.findLast(isIt), 30_000),
    ends: async () => {
      await until('the stream ends', () => over, 30_000);
    },
    close: () => answer.destroy(),
    pause: () => answer.pause(),
    resume: () => answer.resume(),
  };
};
