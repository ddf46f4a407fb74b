/** How many processes of a kind help on this machine. */
import { availableParallelism } from 'node:os';

/** One goes on while the other is started again. */
const LEAST = 2;
/** Eight of both kinds take 132 connections to MySQL (docs/MYSQL.md), of the 151 that it has by default. */
const MOST = 8;

/**
 * How many API processes there are if nobody says, and how many consumers: one of each for two cores. An API process
 * keeps more than one core busy together with the servers, and a consumer applies what it accepts.
 * @param cores what the machine has for this process; Node counts CPU sets, and from 22 on a container's quota too
 */
export const processesFor = (cores = availableParallelism()): number =>
  Math.min(MOST, Math.max(LEAST, Math.ceil(cores / 2)));
