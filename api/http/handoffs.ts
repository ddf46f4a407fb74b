/**
 * Rescues connections on their way from the primary to a worker. Node's cluster module waits until the worker says that
 * it has taken the connection. If the worker dies before it says so, the connection stays open and belongs to nobody.
 * This module then declines in the dead worker's name, just as a worker does that takes no more connections, and
 * cluster gives the connection to another worker
 * (https://github.com/nodejs/node/blob/v20.x/lib/internal/cluster/round_robin_handle.js).
 */
import type { Worker } from 'node:cluster';

/** A message between cluster's primary and a worker. */
interface Message {
  act?: string;
  seq?: number;
  ack?: number;
}
interface Connection {
  close(): void;
}

/** Declines connections in place of workers that died before they answered. */
export const createHandoffs = () => {
  /** The workers to which cluster gives connections. */
  const listening = new Set<Worker>();

  /** Watches a worker. To be called as soon as it is forked. */
  const watch = (worker: Worker): void => {
    const child = worker.process;
    const unanswered = new Map<number, Connection>();
    const { send } = child;
    Object.assign(child, {
      send: (message: Message, connection: Connection, ...rest: unknown[]) => {
        if (message.act === 'newconn' && message.seq !== undefined) unanswered.set(message.seq, connection);
        return Reflect.apply(send, child, [message, connection, ...rest]);
      },
    });
    child.on('internalMessage', ({ ack }: Message) => {
      if (ack !== undefined) unanswered.delete(ack);
    });
    worker.on('listening', () => listening.add(worker));
    const decline = () => {
      // If one of the two is still to come, cluster takes the connection back itself.
      if (!worker.isDead() || worker.isConnected()) return;
      listening.delete(worker);
      // If no worker listens, cluster has closed the port and would keep the connection for ever.
      for (const [ack, connection] of unanswered)
        if (listening.size === 0) connection.close();
        else child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: false });
    };
    child.on('exit', decline);
    child.on('disconnect', decline);
  };
  return { watch };
};
