/**
 * Lets the messages that are published in one turn of the event loop leave in one write. amqplib writes each by itself:
 * a system call and a packet for each, here and at the broker.
 */
import type { Socket } from 'node:net';

/** Holds back what is written to a socket until the code that writes is done, and writes it together then. */
export const writeTogether = (socket: Socket): void => {
  const write = socket.write.bind(socket);
  let isHeld = false;
  const release = () => {
    isHeld = false;
    socket.uncork();
  };
  const hold = () => {
    isHeld = true;
    socket.cork();
    // It runs before anything else of the event loop, so nobody waits longer for it.
    process.nextTick(release);
  };
  const writeHeld = (...args: Parameters<typeof write>): boolean => {
    if (!isHeld) hold();
    return write(...args);
  };
  Object.assign(socket, { write: writeHeld });
};
