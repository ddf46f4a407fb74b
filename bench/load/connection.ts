/**
 * A keep-alive connection of the load generator. It carries one request at a time, and is opened again whenever it
 * closes.
 */
import { connect, type Socket } from 'node:net';
import { type Response, responseReader } from './responses.ts';

export interface Handlers {
  /** The connection is open and waits for a request. */
  onIdle: () => void;
  onResponse: (response: Response) => void;
  /** It is closed and will be opened again. There is a problem if it never opened or a request got no answer. */
  onClose: (problem: string | undefined) => void;
}

const RECONNECT_MS = 50;

/** Opens a connection. @param keepBodies whether responses have their bodies */
export const openConnection = (
  host: string,
  port: number,
  keepBodies: boolean,
  { onIdle, onResponse, onClose }: Handlers,
) => {
  let socket: Socket;
  let waiting = false;
  let closed = false;

  const open = () => {
    let reason = 'the connection was closed without an answer';
    let opened = false;
    const read = responseReader((response) => {
      waiting = false;
      onResponse(response);
      if (response.closes) socket.end();
      else if (!closed) onIdle();
    }, keepBodies);
    socket = connect({ host, port, noDelay: true });
    socket.on('connect', () => {
      opened = true;
      onIdle();
    });
    socket.on('data', (chunk) => {
      try {
        read(chunk);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      if (closed) return;
      onClose(waiting || !opened ? reason : undefined);
      waiting = false;
      setTimeout(() => closed || open(), opened ? 0 : RECONNECT_MS);
    });
  };
  open();

  return {
    send: (text: string): void => {
      waiting = true;
      socket.write(text);
    },
    close: (): void => {
      closed = true;
      socket.destroy();
    },
  };
};
