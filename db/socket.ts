import { Socket } from 'node:net';

/** The socket of a connection of mysql2, or undefined if it uses something else. */
export const socketOf = (connection: object): Socket | undefined =>
  'stream' in connection && connection.stream instanceof Socket ? connection.stream : undefined;
