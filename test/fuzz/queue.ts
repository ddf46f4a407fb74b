/** Any message on the queue of jobs ends applied, as it says, or in the dead letters, as it came. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { loadConfig } from '../../process/config.ts';
import { DELAYS_MS, deadQueue, retryQueue } from '../../queue/topology.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';
import { type Field, rawPublisher, type Table } from './amqp.ts';
import { isAsJobsSay, isCreate, type Job, jobIn } from './jobs.ts';
import { type Message, message, QUEUE, SLOTS, shown } from './messages.ts';
import type { Service } from './service.ts';

/** Until a message is applied or a dead letter; the second try comes after a second. */
const SETTLE_WITHIN_MS = 15_000;
const POLL_MS = 10;
const MESSAGES_AT_ONCE = 8;

interface Sent {
  message: Message;
  body: Buffer;
  job: Job | undefined;
}

const replaced = (bytes: Buffer, from: string, to: string): Buffer =>
  Buffer.from(bytes.toString('latin1').replaceAll(from, to), 'latin1');

/** The queue's name in headers is only known when the test runs. */
const withQueue = (table: Table, queue: string): Table =>
  table.map(([name, field]) => [name, fieldWithQueue(field, queue)]);
const fieldWithQueue = (field: Field, queue: string): Field => {
  if ('items' in field) return { ...field, items: field.items.map((item) => fieldWithQueue(item, queue)) };
  if ('table' in field) return { ...field, table: withQueue(field.table, queue) };
  return 'bytes' in field ? { ...field, bytes: replaced(field.bytes, QUEUE, queue) } : field;
};

const shownSent = ({ message, body }: Sent): string => shown({ ...message, body });

/** The order that a message is about; undefined where it says none. */
const idOf = ({ job }: Sent): string | undefined => {
  const id = job?.payload.order_id;
  return typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
};

/** A valid job; if it changes an order, one that a valid job before it has created. */
const mustBeApplied = ({ message, job }: Sent, before: Sent[]): boolean =>
  message.isValid &&
  job !== undefined &&
  (isCreate(job) ||
    before.some(
      (other) =>
        other.message.isValid &&
        other.job !== undefined &&
        isCreate(other.job) &&
        other.job.payload.order_id === job.payload.order_id,
    ));

/** Publishes what `message` makes, and judges what becomes of it. */
export const queueFuzz = async (service: Service, place: Teardown) => {
  const { env, stores } = service;
  const { hosts, username, password, queue } = loadConfig(env).rabbitmq;
  const publisher = rawPublisher({ ...hosts[0], username, password });
  place.teardown(() => publisher.close());

  /** How often a body was sent, and how often it came out as a dead letter. */
  const sentTimes = new Map<string, number>();
  const deadTimes = new Map<string, number>();
  /** Changes of orders that nothing has created: dead letters after their second try. */
  const homeless = new Set<Sent>();
  let taken = 0;
  let refused = 0;
  let slowestMs = 0;

  const countOf = (counts: Map<string, number>, body: Buffer) => counts.get(body.toString('latin1')) ?? 0;
  const count = (counts: Map<string, number>, body: Buffer) =>
    counts.set(body.toString('latin1'), countOf(counts, body) + 1);
  await stores.channel.consume(
    deadQueue(queue),
    (letter) => {
      if (letter) count(deadTimes, letter.content);
    },
    { noAck: true },
  );

  const isDead = ({ body }: Sent) => countOf(deadTimes, body) >= countOf(sentTimes, body);

  const publish = async (messages: Message[]): Promise<Sent[]> => {
    const ids = SLOTS.map(() => randomUUID());
    const sent: Sent[] = [];
    for (const message of messages) {
      const body = SLOTS.reduce((bytes, slot, i) => replaced(bytes, slot, ids[i] ?? ''), message.body);
      const { headers } = message.properties;
      const properties = headers
        ? { ...message.properties, headers: withQueue(headers, queue) }
        : message.properties;
      if ((await publisher.publish(queue, body, properties)) === 'refused') {
        refused++;
        continue;
      }
      taken++;
      count(sentTimes, body);
      sent.push({ message, body, job: jobIn(body) });
    }
    return sent;
  };

  /** Whether an order is what its jobs make of it. */
  const isDone = async (id: string, jobs: Job[]): Promise<boolean> => {
    const tombstones = await stores.rows('SELECT 1 FROM deleted_orders WHERE id = ?', [id]);
    return isAsJobsSay(jobs, await stores.order(id), tombstones.length > 0);
  };

  /**
   * Sorts the messages that are not dead letters: those not applied yet, and changes of orders that nothing creates.
   */
  const undone = async (sent: Sent[]): Promise<{ open: Sent[]; without: Sent[] }> => {
    const alive = sent.filter((one) => !isDead(one));
    const open = alive.filter((one) => idOf(one) === undefined);
    const without: Sent[] = [];
    for (const id of new Set(alive.map(idOf))) {
      if (id === undefined) continue;
      const group = alive.filter((one) => idOf(one) === id);
      const jobs = group.flatMap(({ job }) => job ?? []);
      if (!jobs.some(isCreate)) without.push(...group);
      else if (!(await isDone(id, jobs))) open.push(...group);
    }
    return { open, without };
  };

  /** Waits until every message is applied, a dead letter, or one that will be. @throws Error that names the others */
  const settle = async (sent: Sent[]): Promise<void> => {
    const started = performance.now();
    for (;;) {
      const { open, without } = await undone(sent);
      const ms = performance.now() - started;
      if (open.length === 0) {
        for (const one of without) homeless.add(one);
        slowestMs = Math.max(slowestMs, ms);
        return;
      }
      if (!service.isAlive()) throw new Error((await service.problems(taken)).join('\n'));
      if (ms > SETTLE_WITHIN_MS)
        throw new Error(`Neither applied nor a dead letter:\n${open.map(shownSent).join('\n')}`);
      await sleep(POLL_MS);
    }
  };

  return {
    counts: () => ({ taken, refused, slowestMs: Math.round(slowestMs) }),

    property: fc.asyncProperty(
      fc.array(message, { minLength: 1, maxLength: MESSAGES_AT_ONCE }),
      async (messages) => {
        const sent = await publish(messages);
        await settle(sent);
        const wronglyDead = sent.filter((one, i) => isDead(one) && mustBeApplied(one, sent.slice(0, i)));
        if (wronglyDead.length > 0)
          throw new Error(`A dead letter:\n${wronglyDead.map(shownSent).join('\n')}`);
      },
    ),

    /** What is wrong when all has been sent. */
    problems: async (): Promise<string[]> => {
      const waiting = async () => {
        const names = [queue, ...DELAYS_MS.map((ms) => retryQueue(queue, ms))];
        const counts = await Promise.all(names.map((name) => stores.waiting(name)));
        return counts.reduce((sum, number) => sum + number, 0);
      };
      const done = async () => [...homeless].every(isDead) && (await waiting()) === 0;
      try {
        await until('nothing waits', done, SETTLE_WITHIN_MS);
      } catch {
        const open = [...homeless].filter((one) => !isDead(one)).slice(0, 5);
        return [
          `${await waiting()} messages wait, ${open.length} of them:\n${open.map(shownSent).join('\n')}`,
        ];
      }
      const repeated = [...deadTimes].filter(([body, times]) => times > (sentTimes.get(body) ?? 0));
      return [
        ...repeated.map(
          ([body, times]) =>
            `${times} dead letters of ${sentTimes.get(body) ?? 0} messages: ${JSON.stringify(body)}`,
        ),
        ...(await service.problems(taken)),
      ];
    },
  };
};
