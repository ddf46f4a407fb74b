/**
 * Gives a connection up on which a queue takes nothing, though the node is there. If the leader of a quorum queue is lost,
 * a channel that is used for the first time before all nodes know the new one asks the old one: RabbitMQ 3.10 then
 * refuses each message of that channel until that node is back, or, if it is frozen, is silent for a minute. A new
 * channel asks the new leader. A channel on which the queue has taken something before is told who the new leader is, so
 * it is worth waiting for.
 */

/** For how long a queue may take nothing on a new channel; each time longer, until it takes something. */
const FIRST_MS = 1_000;
/** The same on a channel on which it has taken something, and the longest on a new one. */
const LONGEST_MS = 30_000;

export interface ChannelPatience {
  /** A queue has taken a message. */
  taken(queue: string): void;
  /** It has refused one, or has not said within its time that it has one. */
  failed(queue: string): void;
}

/**
 * @param giveUp ends the connection
 * @param clock tells milliseconds
 */
export const createPatience = (giveUp: (reason: string) => void, clock = () => performance.now()) => {
  let patience = FIRST_MS;
  return {
    /** Of a channel that has just been opened. */
    channel: (): ChannelPatience => {
      /** Since when each queue takes nothing. */
      const failing = new Map<string, number>();
      const known = new Set<string>();
      return {
        taken: (queue) => {
          failing.delete(queue);
          if (known.has(queue)) return;
          known.add(queue);
          patience = FIRST_MS;
        },
        failed: (queue) => {
          const now = clock();
          const since = failing.get(queue) ?? now;
          failing.set(queue, since);
          if (now - since < (known.has(queue) ? LONGEST_MS : patience)) return;
          failing.clear();
          patience = Math.min(LONGEST_MS, 2 * patience);
          giveUp(`Nothing is confirmed for ${queue}.`);
        },
      };
    },
  };
};
