import type { ServerResponse } from 'node:http';

/** Calls back once: when an answer has left this process, or its client is gone. */
export const whenAnswered = (response: ServerResponse, callback: () => void): void => {
  const { socket } = response.req;
  const done = () => {
    response.off('close', done);
    socket.off('close', done);
    callback();
  };
  if (response.destroyed || socket.destroyed) {
    callback();
    return;
  }
  response.once('close', done);
  if (response.socket !== null) return;
  // Node tells an answer that waits for others of its connection (pipelining) nothing of the end of that.
  socket.setMaxListeners(0);
  socket.once('close', done);
};
