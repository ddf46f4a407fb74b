import type { ServerResponse } from 'node:http';

/** Calls `callback` once, when an answer has left this process or its client is gone; at once if that is so already. */
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
  // If the connection ends, Node does not tell an answer that waits behind others on it (pipelining).
  socket.setMaxListeners(0);
  socket.once('close', done);
};
