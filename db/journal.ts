/**
 * The journal: what was done to orders and jobs, in the same commit as the rows that it tells of. It is an outbox
 * (https://microservices.io/patterns/data/transactional-outbox.html): the hub reads it, passes on what it says, and
 * removes it. As nothing is left that was passed on, it does not matter that numbers are not given in the order of
 * commits. Those of one order are, because its row is locked from before its entry is written until the commit.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Alone } from './alone.ts';
import { format, literal } from './literals.ts';
import type { Orm, Transaction } from './pool.ts';
import { readRows } from './rows.ts';
import { inserts, MODEST_BYTES, row, runEach } from './statements.ts';

/** An event in JSON, with its order and without. */
export interface Written {
  full: string;
  text: string;
}

const HEAD = 'INSERT INTO order_journal (body) VALUES ';
/** A text with quotes or backslashes takes two bytes for each of its own in a statement, and some around them. */
const WRITTEN_BYTES = 2;
const MARGIN_BYTES = 64;

const rowOf = (events: string[]): string => row([`[${events}]`]);
const fits = (event: string, maxBytes: number): boolean =>
  HEAD.length + Buffer.byteLength(rowOf([event])) <= maxBytes;
/** What the server takes of an event: with its order, without, or, if it is long for that, without its error. */
const fitting = ({ full, text }: Written, maxBytes: number): string => {
  if (fits(full, maxBytes)) return full;
  if (fits(text, maxBytes) || !text.startsWith('{')) return text;
  return JSON.stringify({ ...JSON.parse(text), error: undefined });
};

/**
 * The statements that write entries.
 * @param maxBytes how long a statement may be, at least 900 bytes
 */
export const writeJournal = (events: Written[], maxBytes = MODEST_BYTES): string[] => {
  const most = Math.min(MODEST_BYTES, maxBytes) / WRITTEN_BYTES - MARGIN_BYTES;
  const bodies: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const whole = Buffer.byteLength(event.full) + 1;
    const written = whole <= most ? event.full : fitting(event, maxBytes);
    const own = written === event.full ? whole : Buffer.byteLength(written) + 1;
    bytes += own;
    if (bytes <= most) bodies.at(-1)?.push(written);
    else {
      bodies.push([written]);
      bytes = own;
    }
  }
  return bodies.length === 0 ? [] : inserts(HEAD, bodies.map(rowOf), maxBytes);
};

/** Writes entries in a transaction of their own. @throws the database's error */
export const addToJournal = (orm: Orm, events: Written[]): Promise<void> =>
  runEach(orm, writeJournal(events));

export interface JournalEntry {
  seq: number;
  /** A JSON list of events. */
  body: string;
  /** Whether the jobs have its events already, and only their publishing is left. */
  projected: boolean;
}

const read = async (alone: Alone, where: SQL, most: number): Promise<JournalEntry[]> => {
  const rows = await readRows<{ seq: number; body: string; projected: number }>(
    alone,
    sql`select seq, body, projected from order_journal ${where} order by seq limit ${most}`,
  );
  return rows.map(({ projected, ...entry }) => ({ ...entry, projected: projected === 1 }));
};

/** Reads the oldest entries. @param most how many at the most @throws the database's error */
export const readJournal = (alone: Alone, most: number): Promise<JournalEntry[]> => read(alone, sql``, most);

/** Reads the oldest entries that the jobs do not have. @throws the database's error */
export const readUnprojected = (alone: Alone, most: number): Promise<JournalEntry[]> =>
  read(alone, sql`where projected = false`, most);

const numbersOf = (entries: JournalEntry[]) => [entries.map(({ seq }) => seq)];

/**
 * Finds the entries that mention a job and that the jobs do not have yet, the newest first. It reads all of these, so it
 * is for when they are few.
 * @throws the database's error
 */
export const findInJournal = async (orm: Orm, jobId: string): Promise<string[]> => {
  const rows = await readRows<{ body: string }>(
    orm,
    sql`select body from order_journal
      where projected = false and locate(${JSON.stringify(jobId)}, body) > 0 order by seq desc`,
  );
  return rows.map(({ body }) => body);
};

/** Removes entries. @throws the database's error */
export const removeFromJournal = (tx: Pick<Transaction, 'execute'>, entries: JournalEntry[]): Promise<void> =>
  runEach(tx, [format('DELETE FROM order_journal WHERE seq IN (?)', numbersOf(entries))]);

/** Notes that the jobs have the events of these entries. @throws the database's error */
export const markProjected = (tx: Pick<Transaction, 'execute'>, entries: JournalEntry[]): Promise<void> =>
  runEach(tx, [format('UPDATE order_journal SET projected = TRUE WHERE seq IN (?)', numbersOf(entries))]);

/** Removes entries from before a time that the jobs have. @returns how many @throws the database's error */
export const pruneJournal = async (alone: Alone, before: Date): Promise<number> => {
  const [{ affectedRows }] = await alone.execute(
    sql.raw(`DELETE FROM order_journal WHERE projected = TRUE AND at < ${literal(before)}`),
  );
  return affectedRows;
};

/** For how many milliseconds the oldest entry of some has been waiting. */
const ageOf = (where: SQL) => sql`(select timestampdiff(microsecond, at, utc_timestamp(3)) div 1000
  from order_journal ${where} order by seq limit 1)`;
const UNPROJECTED = sql`where projected = false`;

/**
 * For how many milliseconds the oldest entry that the jobs do not have has been waiting; 0 if there is none.
 * @throws the database's error
 */
export const journalLag = async (orm: Orm): Promise<number> => {
  const [oldest] = await readRows<{ behind: number | null }>(
    orm,
    sql`select ${ageOf(UNPROJECTED)} as behind`,
  );
  return oldest?.behind == null ? 0 : Math.max(1, oldest.behind);
};

export interface JournalLags {
  /** For how many milliseconds the oldest entry waits that the jobs do not have; 0 if there is none. */
  historyMs: number;
  /** The same of the oldest entry that is not published. */
  eventsMs: number;
}

/** How far behind the hub is. @throws the database's error */
export const journalLags = async (alone: Alone): Promise<JournalLags> => {
  const [ages] = await readRows<{ unprojected: number | null; unpublished: number | null }>(
    alone,
    sql`select ${ageOf(UNPROJECTED)} as unprojected, ${ageOf(sql``)} as unpublished`,
  );
  return { historyMs: Math.max(0, ages?.unprojected ?? 0), eventsMs: Math.max(0, ages?.unpublished ?? 0) };
};
