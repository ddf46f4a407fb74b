/**
 * The streams of many jobs. Those who get the same events are a channel, for which each event is made once. A client
 * that comes back with the id of its last event first gets what it has missed, as fast as it reads, and then joins its
 * channel. Heartbeats carry the place in the stream, so that few have missed much.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { type FeedEntry, isAfter } from '../../cache/feed.ts';
import type { JobEvent } from '../../domain/job-events.ts';
import { type Heard, type Listener, readEntry } from '../../jobs/listening.ts';
import type { EventStream } from '../http/sse.ts';
import { frameMaker, gapNotice, notices } from './frames.ts';

/** What a channel is for. */
export interface Subject {
  /** Channels with the same name are the same. */
  name: string;
  /** The order whose jobs it is about; undefined for all orders. */
  orderId?: string | undefined;
  isWanted: (event: JobEvent) => boolean;
  /** Where a client learns what nobody can tell it any more. */
  link: string;
}

interface Channel {
  subject: Subject;
  /** The clients, each with the entry up to which it has everything. */
  clients: Map<EventStream, string | undefined>;
  /** Those that came back while Redis was away, with the place from which they go on. */
  late: Map<EventStream, string>;
  /** How many there are, also those that are catching up. */
  size: number;
  stop: () => void;
}

/** The id of an entry; and where a client has only a part of that, the index of the last event that it has. */
const PLACE = /^(\d{1,15}-\d{1,10})(?:\.(\d{1,9}))?$/;
const AWAY_PAUSE_MS = 200;
const entryIdOf = (place: string) => place.split('.', 1)[0] ?? '';

export const openChannels = ({
  cache: { feed },
  listening,
}: Pick<FastifyInstance, 'cache' | 'listening'>) => {
  const channels = new Map<string, Channel>();
  const framesOf = frameMaker();

  const sendTo = ({ clients }: Channel, bytes: Buffer): void => {
    for (const client of clients.keys()) client.send(bytes);
  };
  const heard = ({ subject, clients }: Channel, all: Heard[]): void => {
    const wanted = all.filter(({ event }) => subject.isWanted(event));
    if (wanted.length === 0) return;
    const bytes = framesOf(wanted);
    const place = wanted[0]?.place;
    const entry = place && entryIdOf(place);
    for (const [client, upTo] of clients)
      if (entry === undefined || upTo === undefined || isAfter(entry, upTo)) client.send(bytes);
  };

  const open = (subject: Subject): Channel => {
    const listener: Listener = {
      heard: (all) => heard(channel, all),
      gap: () => sendTo(channel, gapNotice(subject.link)),
      live: (isLive) => {
        sendTo(channel, isLive ? notices.recovered : notices.degraded);
        if (!isLive) return;
        const late = [...channel.late];
        channel.late.clear();
        for (const [client, place] of late) {
          channel.clients.delete(client);
          void catchUp(channel, client, place);
        }
      },
    };
    const { orderId } = subject;
    const stop = orderId === undefined ? listening.toAll(listener) : listening.toOrder(orderId, listener);
    const channel: Channel = { subject, clients: new Map(), late: new Map(), size: 0, stop };
    return channel;
  };

  const join = (channel: Channel, client: EventStream, upTo?: string): void => {
    if (!client.isOpen) return;
    channel.clients.set(client, upTo);
    // Who is new learns the place at once. Who has caught up may not have read everything yet.
    const place = upTo === undefined ? beatOf(channel, client) : undefined;
    if (!listening.isLive()) client.send(notices.degraded);
    else if (place) client.send(place);
    else client.sendBeat();
  };

  /** What a client is told every 15 seconds: from where it can go on. An event without data is none. */
  const beatOf = ({ clients, late }: Channel, client: EventStream): Buffer | undefined => {
    const place = listening.place();
    if (place === undefined || late.has(client) || !clients.has(client)) return undefined;
    const upTo = clients.get(client);
    return Buffer.from(`:\nid: ${upTo !== undefined && isAfter(upTo, place) ? upTo : place}\n\n`);
  };

  /** Sends what of an entry follows an index in it. */
  const sendRest = async (
    { subject: { orderId, isWanted } }: Channel,
    client: EventStream,
    entry: FeedEntry,
    index: number,
  ): Promise<void> => {
    const events = readEntry(entry, (_jobId, id) => orderId === undefined || id === orderId);
    const isNew = ({ place = '' }: Heard) => Number(place.slice(place.indexOf('.') + 1)) > index;
    const wanted = events.filter((one) => isWanted(one.event) && isNew(one));
    if (wanted.length === 0) return;
    await client.drained();
    client.send(framesOf(wanted));
  };

  /** Sends what a client has missed, and lets it join. */
  const catchUp = async (channel: Channel, client: EventStream, place: string): Promise<void> => {
    const [, first, index] = PLACE.exec(place) ?? [];
    let at = first ?? '';
    let done = index === undefined ? Number.POSITIVE_INFINITY : Number(index);
    while (client.isOpen) {
      const entries = first === undefined || !feed.enabled ? 'gap' : await feed.from(at);
      if (entries === 'away' && listening.isLive()) {
        await sleep(AWAY_PAUSE_MS);
        continue;
      }
      if (entries === 'away') {
        channel.late.set(client, done === Number.POSITIVE_INFINITY ? at : `${at}.${done}`);
        return join(channel, client);
      }
      if (entries === 'gap') {
        client.send(gapNotice(channel.subject.link));
        return join(channel, client);
      }
      for (const entry of entries) {
        await sendRest(channel, client, entry, entry.id === at ? done : -1);
        at = entry.id;
        done = Number.POSITIVE_INFINITY;
      }
      const heardUpTo = listening.place();
      // Nothing more is there than this client has, or than will be heard.
      if (entries.length === 1 && !(heardUpTo && isAfter(heardUpTo, at))) return join(channel, client, at);
    }
  };

  return {
    /**
     * Begins to send a client the events of a subject.
     * @param openStream opens its stream, given what is to be called when that is over
     * @param lastId the id of the last event that the client has; undefined if it has none
     */
    add: async (
      subject: Subject,
      openStream: (onClose: (closed: EventStream) => void) => EventStream,
      lastId: string | undefined,
    ): Promise<void> => {
      const channel = channels.get(subject.name) ?? open(subject);
      channels.set(subject.name, channel);
      channel.size++;
      await listening.begun();
      const client = openStream((closed) => {
        channel.clients.delete(closed);
        channel.late.delete(closed);
        if (--channel.size > 0) return;
        channel.stop();
        channels.delete(subject.name);
      });
      client.beat = () => beatOf(channel, client);
      if (lastId === undefined) join(channel, client);
      else await catchUp(channel, client, lastId);
    },
  };
};
