/** Does work once for all requests that want the same result, and gives it up when all of them are gone. */
import type { ServerResponse } from 'node:http';
import { withDeadline } from '../../process/deadline.ts';
import { whenAnswered } from '../http/answered.ts';
import { HttpError } from '../http/errors.ts';

export interface Flight<T, Of> {
  /** What was known when it began. */
  readonly of: Of;
  /** The number of this flight: one that begins later has a greater number. */
  readonly began: number;
  readonly result: Promise<T>;
  /** How many requests wait for the result. */
  waiting: number;
  readonly giveUp: AbortController;
}

/** Every request that waited for the work is gone. */
class Abandoned extends HttpError {
  constructor() {
    super(503, 'Nobody waited any more.');
  }
}

/** Makes flights that take at most `withinMs` milliseconds. `T` is their result, `Of` what is known when one begins. */
export const createFlights = <T, Of>(withinMs: number) => {
  const flights = new Map<string, Flight<T, Of>>();
  let begun = 0;

  const begin = (key: string, of: Of, work: (signal: AbortSignal) => Promise<T>): Flight<T, Of> => {
    const giveUp = new AbortController();
    const forget = () => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    // The work may be slow to notice that it was given up, but nobody joins it any more.
    giveUp.signal.addEventListener('abort', forget);
    const result = withDeadline(work(giveUp.signal), withinMs).finally(() => giveUp.abort());
    const flight: Flight<T, Of> = { of, began: ++begun, result, waiting: 0, giveUp };
    flights.set(key, flight);
    return flight;
  };

  /** @param response of the request that waits; undefined if none does: then the work goes on even if nobody waits */
  const join = (flight: Flight<T, Of>, response: ServerResponse | undefined): Promise<T> => {
    flight.waiting++;
    if (response !== undefined)
      whenAnswered(response, () => {
        flight.waiting--;
        if (flight.waiting === 0) flight.giveUp.abort(new Abandoned());
      });
    return flight.result;
  };

  return {
    /** Gives up all work. Whoever waits for it gets a 503. */
    giveUpAll: (): void => {
      for (const { giveUp } of flights.values()) giveUp.abort(new Abandoned());
    },

    /**
     * The result of a flight that fits, or of a new one. Each key has one flight at a time: if that one does not fit,
     * the request waits until it ends and shares the next one. If the flight that it waits for fails, it fails too.
     * @param fits whether a flight that began before this call will do
     * @param of is asked what is known when a flight begins
     * @param response of the request that waits; undefined if none does
     * @throws whatever the work throws, or DeadlineError
     */
    share: async (
      key: string,
      fits: (flight: Flight<T, Of>) => boolean,
      of: () => Of,
      work: (of: Of, signal: AbortSignal) => Promise<T>,
      response: ServerResponse | undefined,
    ): Promise<T> => {
      const asked = begun;
      for (;;) {
        const flight = flights.get(key);
        if (flight === undefined) {
          const known = of();
          return join(
            begin(key, known, (signal) => work(known, signal)),
            response,
          );
        }
        if (flight.began > asked || fits(flight)) return join(flight, response);
        await flight.result.catch((error) => {
          if (!(error instanceof Abandoned)) throw error;
        });
      }
    },
  };
};
