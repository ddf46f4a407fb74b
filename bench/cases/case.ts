/** What a case is, and how cases that share processes are run. */
import type { Peer } from '../peer.ts';
import type { Chart, Row } from '../report/results.ts';
import type { Sizes } from '../sizes.ts';
import type { System } from '../system.ts';

export interface Context {
  system: System;
  sizes: Sizes;
  peer: Peer | undefined;
  /** The build of another state of this service, which is measured in place of a peer. */
  base: string | undefined;
}

export interface Finding {
  rows: Row[];
  charts?: Chart[];
}

export interface Case<Fixture> {
  /** The name that `--only` takes. */
  name: string;
  /** True if it takes so long that it is measured only when somebody asks for it. */
  onRequest?: boolean;
  /** Measures the case. @throws Error if it cannot be measured */
  measure: (fixture: Fixture) => Promise<Finding>;
}

/** Is called with the result of each case as soon as the case is over. */
export type Report = (name: string, outcome: Finding | Error) => void;

export interface Suite {
  cases: { name: string; onRequest: boolean }[];
  /** Measures those of its cases that are `wanted`. A case that breaks does not keep others from being measured. */
  run: (context: Context, wanted: (name: string) => boolean, report: Report) => Promise<void>;
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));

/**
 * Cases that share what `open` starts: it is started before the first of them and ended after the last.
 */
export const suite = <Fixture extends { close: () => Promise<void> }>(
  open: (context: Context) => Promise<Fixture>,
  cases: Case<Fixture>[],
): Suite => ({
  cases: cases.map(({ name, onRequest = false }) => ({ name, onRequest })),
  run: async (context, wanted, report) => {
    const chosen = cases.filter(({ name }) => wanted(name));
    if (chosen.length === 0) return;
    let fixture: Fixture;
    try {
      fixture = await open(context);
    } catch (error) {
      for (const { name } of chosen) report(name, asError(error));
      return;
    }
    for (const { name, measure } of chosen) report(name, await measure(fixture).catch(asError));
    await fixture.close();
  },
});

/** Cases that start and end what they need by themselves. */
export const alone = (cases: Case<Context>[]): Suite =>
  suite<Context & { close: () => Promise<void> }>(
    async (context) => ({ ...context, close: async () => {} }),
    cases,
  );

/** Collects what was started, and ends it: the last first, and each once, however often `close` is called. */
export const closing = () => {
  const ends: (() => Promise<void>)[] = [];
  return {
    /** @returns `started`, for which `end` is then called */
    use: <T>(started: T, end: (started: T) => Promise<void>): T => {
      ends.push(() => end(started));
      return started;
    },
    close: async (): Promise<void> => {
      for (let end = ends.pop(); end; end = ends.pop()) await end();
    },
  };
};
