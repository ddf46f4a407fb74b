/**
 * Asks a port what it speaks. If one side speaks TLS and the other does not, or if a server gets no certificate from us
 * and wants one, a client may be told no more than that the connection was reset, or nothing at all.
 */
import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { tlsConnectOptions } from './tls.ts';
import { explainTls, noTls, onlyTls, type Peer, TlsRefusal } from './tls-refusals.ts';

/** How long a port gets for each answer, and for what it may have to say after the handshake (RFC 8446, 4.4.2.4). */
const ANSWER_MS = 2_000;
const AFTERTHOUGHT_MS = 500;
/** How often a port is asked at most. */
const ASK_INTERVAL_MS = 10_000;

/** Waits for the end of a socket, or until `settle` is called with what was learnt from it. */
const learn = <T>(socket: Socket, listen: (settle: (learnt: T) => void) => void): Promise<T | undefined> =>
  new Promise((resolve) => {
    const settle = (learnt?: T) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(learnt);
    };
    const timer = setTimeout(settle, ANSWER_MS);
    listen(settle);
    socket.on('error', () => settle());
    socket.on('close', () => settle());
  });

/** Tries a handshake. @returns the error that ends it, or that follows it; 'done' if there is none */
const shakeHands = (
  { host, port }: Peer,
  options: ConnectionOptions,
): Promise<Error | 'done' | undefined> => {
  const socket = connect({ host, port, ...options });
  return learn(socket, (settle) => {
    socket.on('error', settle);
    // Nothing is sent: if it were answered with a reset, what came before that could not be read.
    socket.on('secureConnect', () => setTimeout(settle, AFTERTHOUGHT_MS, 'done'));
  });
};

/** The first bytes of records of TLS: an alert, a handshake (RFC 8446, 5.1). */
const TLS_RECORDS = [0x15, 0x16];

/** Whether a port answers something else than TLS to a line. Redis does; RabbitMQ says then which AMQP it speaks. */
const answersPlain = async ({ host, port }: Peer): Promise<boolean> => {
  const socket = connectPlain({ host, port });
  const first = await learn<number | undefined>(socket, (settle) => {
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', ([byte]) => settle(byte));
  });
  return first !== undefined && !TLS_RECORDS.includes(first);
};

/** Whether the error of a handshake is one that the other side sent as TLS does. */
const isAlert = (error: Error): boolean => /SSL alert number/.test(error.message);

/** Finds out whether TLS is what keeps us from a server. @returns undefined if it is not, or if that is not certain */
const askPort = async (peer: Peer): Promise<TlsRefusal | undefined> => {
  if (!peer.tls) {
    const outcome = await shakeHands(peer, { rejectUnauthorized: false });
    return outcome === 'done' || (outcome && isAlert(outcome)) ? onlyTls(peer) : undefined;
  }
  const outcome = await shakeHands(peer, tlsConnectOptions(peer.tls, peer.host));
  if (outcome === 'done') return undefined;
  const explained = explainTls(outcome, peer);
  if (explained instanceof TlsRefusal) return explained;
  return (await answersPlain(peer)) ? noTls(peer) : undefined;
};

/** What clients say if a server has ended a connection, or was silent, before it was of any use. */
const VAGUE = /ECONNRESET|EPIPE|ETIMEDOUT|before secure TLS|Socket closed|the connection closed/;
const isVague = (error: unknown): boolean =>
  error instanceof Error && VAGUE.test(`${'code' in error ? error.code : ''} ${error.message}`);

/**
 * Says why a server could not be reached, if TLS is the reason. It asks the port if the error does not tell.
 * @returns a TlsRefusal, or the same error
 */
export const explainUnreached = async (error: unknown, peer: Peer): Promise<unknown> => {
  const explained = explainTls(error, peer);
  return explained === error && isVague(error) ? ((await askPort(peer)) ?? error) : explained;
};

/**
 * Makes what explains the failures of one client that tries again and again. It calls `tell` with what
 * `explainUnreached` finds, and asks the port at most once in ten seconds.
 */
export const createExplainer = () => {
  let isAsking = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  let found: unknown;
  return (error: unknown, peer: Peer, tell: (error: unknown) => void): void => {
    const explained = explainTls(error, peer);
    if (explained !== error || !isVague(error)) tell(explained);
    else if (isAsking)
      return; // What is found is told for this one too.
    else if (performance.now() < askedAt + ASK_INTERVAL_MS) tell(found ?? error);
    else {
      isAsking = true;
      askedAt = performance.now();
      void askPort(peer).then((refusal) => {
        isAsking = false;
        found = refusal;
        tell(refusal ?? error);
      });
    }
  };
};
