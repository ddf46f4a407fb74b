/**
 * Connections on their way from the primary to a worker. Node's cluster module waits for the worker to say that it has
 * one; where the worker dies instead, the connection stays open and belongs to nobody. What is done here is what the
 * worker would do that takes no more: it declines, and the connection goes to another one
 * (https://github.com/nodejs/node/blob/v20.x/lib/internal/cluster/round_robin_handle.js).
 */
import type { Worker } from 'node:cluster';

/** As cluster's two sides write to each other. */
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
  /** Those that are given connections. */
  const listening = new Set<Worker>();

  /** To be called when it was forked. */
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
