/** What the service can do just now, worked out from what its servers answer to this process. */
import { type Static, Type } from '@sinclair/typebox';

const word = (words: ('yes' | 'partly' | 'no' | 'unknown')[], description: string) =>
  Type.Union(
    words.map((one) => Type.Literal(one)),
    { description },
  );

/** The members of an answer to /health/ready that say so. */
export const Capabilities = {
  accepting: word(['yes', 'no'], 'whether a write is accepted: the broker takes it, and not too many wait'),
  reading: word(
    ['yes', 'partly', 'no'],
    'whether orders can be read; `partly`: those that Redis has, as MySQL does not answer',
  ),
  applying: word(
    ['yes', 'no', 'unknown'],
    'whether what is accepted can reach MySQL: `no` if nobody takes jobs from the queue or MySQL takes no writes, `unknown` if this process cannot ask',
  ),
};

/** How one of the servers is. */
export const Check = Type.Object({
  ok: Type.Boolean(),
  ms: Type.Number({ description: 'milliseconds the answer took' }),
  reason: Type.Optional(
    Type.String({ description: 'why the server is of no use just now, or cannot be relied on' }),
  ),
});
export type Check = Static<typeof Check>;

/** What the servers answered. */
export interface Seen {
  mysql: { answers: boolean; takesWrites: boolean };
  /** False too if Redis is not used. */
  redisWorks: boolean;
  rabbitmqTakesMessages: boolean;
  /** What is known of the queue of jobs; undefined if this process has not seen it yet, or the broker is away. */
  queue: { isFull: boolean; consumers: number } | undefined;
}

const isApplying = ({ mysql, queue }: Seen): 'yes' | 'no' | 'unknown' => {
  if (queue?.consumers === 0 || (mysql.answers && !mysql.takesWrites)) return 'no';
  // Consumers may reach a MySQL that this process does not.
  return queue && mysql.answers ? 'yes' : 'unknown';
};

/**
 * @returns what works; `isUseful` says whether a request may be sent to this process at all. A process that can do only
 *   one of the two gets requests: what it cannot do is mostly a server that is away, which is away for all processes,
 *   so without them nothing would be served. A refused write has its own 503, which the client sees.
 */
export const capabilities = (seen: Seen) => {
  const accepting = seen.rabbitmqTakesMessages && !seen.queue?.isFull ? 'yes' : 'no';
  const withoutMysql = seen.redisWorks ? 'partly' : 'no';
  const reading = seen.mysql.answers ? 'yes' : withoutMysql;
  const isUseful = accepting === 'yes' || reading !== 'no';
  return { works: { accepting, reading, applying: isApplying(seen) }, isUseful } as const;
};
