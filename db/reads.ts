/** How long requests wait for what they read. */
import { withDeadline } from '../process/deadline.ts';
import { isOfDeadConnection } from './errors.ts';

/** How long a request waits for MySQL, in milliseconds. */
export const READ_WITHIN_MS = 2_000;
/** How long it waits for a connection: less, so that it is said if there was none. */
export const CONNECTION_WITHIN_MS = 1_800;

/**
 * Reads, and once more if the connection was dead, as after a restart of the server. (The pool then makes a new one.)
 * @param read reads and changes nothing
 * @throws whatever `read` throws
 */
export const readAgainIfDead = async <T>(read: () => Promise<T>): Promise<T> => {
  try {
    return await read();
  } catch (error) {
    if (!isOfDeadConnection(error)) throw error;
    return read();
  }
};

/**
 * Does the same within a time.
 * @throws whatever `read` throws, or DeadlineError
 */
export const readInTime = <T>(read: () => Promise<T>, withinMs = READ_WITHIN_MS): Promise<T> =>
  withDeadline(readAgainIfDead(read), withinMs);
