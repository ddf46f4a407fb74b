/** A TCP proxy that can cut its connections, or leave them open and swallow what comes (a half-open connection). */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

interface Pair {
  client: Socket;
  target: Socket;
  halfOpen: boolean;
}

export const startProxy = async (targetPort: number) => {
  const pairs = new Set<Pair>();
  let swallowing = false;
  let passed = 0;
  let leadsTo = targetPort;

  const server = createServer((client) => {
    const pair: Pair = { client, target: connect(leadsTo, '127.0.0.1'), halfOpen: false };
    const { target } = pair;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      target.destroy();
    };
    const pass = (from: Socket, to: Socket) =>
      from.on('data', (bytes) => {
        if (swallowing || pair.halfOpen) return;
        passed += bytes.length;
        to.write(bytes);
      });
    pass(client, target);
    pass(target, client);
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', end);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');

  /** Cuts the connections for which `chosen` says so. @returns how many */
  const cut = (chosen: () => boolean = () => true): number => {
    const unlucky = [...pairs].filter(chosen);
    for (const { client, target } of unlucky) {
      client.resetAndDestroy();
      target.destroy();
    }
    return unlucky.length;
  };
  return {
    port: address.port,
    /** How many bytes it has passed on, both ways. */
    passed: () => passed,
    cut,
    /**
     * Begins or ends to swallow all bytes. At the end connections are cut, as those that lost bytes are of no more use.
     */
    swallow: (on: boolean) => {
      swallowing = on;
      if (!on) cut();
    },
    /** Acts as a name that leads to another server from now on: connections that are open stay with the old one. */
    leadTo: (port: number) => {
      leadsTo = port;
    },
    /** Acts as a firewall that has lost its table: existing connections carry nothing any more. */
    forget: () => {
      for (const pair of pairs) pair.halfOpen = true;
    },
    close: () => {
      cut();
      server.close();
    },
  };
};
export type TcpProxy = Awaited<ReturnType<typeof startProxy>>;
