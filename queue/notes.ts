/**
 * How the API learns that consumers hold nothing any more whose account may not declare what it takes to ask them
 * (progress.ts). Such a consumer notes now and then, in a place that is not the broker, up to when it has answered all
 * jobs that it had got. The place has a clock, by which all times here are.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import { withDeadline } from '../process/deadline.ts';

/** How often a consumer notes how far it is, and how long it may be late with that. */
const NOTE_INTERVAL_MS = 1_000;
const LATE_MS = 4_000;
/** How often the notes are looked at. */
const LOOK_MS = 200;
/** How long the broker may take to answer a consumer. */
const ANSWER_WITHIN_MS = 5_000;

export interface Note {
  consumer: string;
  /** Up to when it has answered all that it had got, in microseconds since 1970. */
  time: number;
}

/** Where the notes are. None of the methods rejects. */
export interface Notes {
  /** The time there in microseconds since 1970, or null if the place is away. */
  time(): Promise<number | null>;
  /** Adds a note. @param queue from which the consumer takes */
  add(queue: string, note: Note): Promise<unknown>;
  /** The notes that were added since a time. */
  since(queue: string, time: number): Promise<Note[]>;
}

/** What a consumer knows of itself. */
export interface Progress {
  isOpen(): boolean;
  /** Resolves when all deliveries that have arrived by now are answered. */
  whenDone(): Promise<void>;
  /** Whether what it put elsewhere counts as done too. */
  isDone(): boolean;
}

/** Notes how far a consumer is, as long as its channel is open. */
export const noteProgress = async (
  notes: Notes,
  channel: Channel,
  queue: string,
  { isOpen, whenDone, isDone }: Progress,
): Promise<void> => {
  const consumer = crypto.randomUUID();
  for (; isOpen(); await sleep(NOTE_INTERVAL_MS, undefined, { ref: false })) {
    const time = await notes.time();
    if (time === null) continue;
    // The answer comes behind all that the broker had sent by then.
    await withDeadline(Promise.resolve(channel.checkQueue(queue)), ANSWER_WITHIN_MS);
    await whenDone();
    if (isOpen() && isDone()) await notes.add(queue, { consumer, time });
  }
};

/**
 * Whether all consumers have answered what they had got by now. Who has come since counts for nothing, as it may have
 * the jobs of one that is gone.
 * @param consumers how many there were a moment ago
 */
export const haveAllNoted = async (notes: Notes, queue: string, consumers: number): Promise<boolean> => {
  const now = await notes.time();
  if (now === null) return false;
  const deadline = performance.now() + NOTE_INTERVAL_MS + LATE_MS;
  for (;;) {
    const found = await notes.since(queue, now - LATE_MS * 1000);
    const before = new Set(found.filter(({ time }) => time < now).map(({ consumer }) => consumer));
    const after = new Set(found.filter(({ time }) => time >= now).map(({ consumer }) => consumer));
    const both = [...before].filter((consumer) => after.has(consumer));
    if (both.length >= consumers) return true;
    if (before.size < consumers || performance.now() > deadline) return false;
    await sleep(LOOK_MS, undefined, { ref: false });
  }
};
