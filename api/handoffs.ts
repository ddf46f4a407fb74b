/**
 * Connections on their way from the primary to a worker. Node's cluster module waits for the worker to say that it has
 * one; where the worker dies instead, the connection stays open and belongs to nobody. What is done here is what the
 * worker would do that takes no more: it declines, and the connection goes to another one
 * (https://github.com/nodejs/node/blob/v20.x/lib/internal/cluster/round_robin_handle.js).
 */
import cluster, { type Worker } from 'node:cluster';

/** As cluster's two sides write to each other. */
interface Message {
  act?: string;
  seq?: number;
  ack?: number;
}
interface Connection {
  close(): void;
}

/** Declines for a worker what it has not answered when it is dead. To be called when it was forked. */
export const declineWhenDead = (worker: Worker): void => {
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
  const decline = () => {
    // As long as one of the two is to come, cluster would give it the connection back.
    if (!worker.isDead() || worker.isConnected()) return;
    const others = Object.keys(cluster.workers ?? {}).length > 0;
    for (const [ack, connection] of unanswered)
      if (others) child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: false });
      else connection.close();
  };
  child.on('exit', decline);
  child.on('disconnect', decline);
};
