/** One keep-alive connection of a load generator: one request at a time, opened again whenever it closes. */
import { connect, type Socket } from 'node:net';
import { type Response, responseReader } from './responses.ts';

export interface Handlers {
  /** It is open and waits for a request. */
  onIdle: () => void;
  onResponse: (response: Response) => void;
  /** It is closed, for a reason where it never opened or a request got no answer. Another try follows. */
  onClose: (problem: string | undefined) => void;
}

const RECONNECT_MS = 50;

/** @param keepBodies whether responses carry their bodies */
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
