/** Measures two or three services in turn. */
import type { Generator } from './load/generator.ts';
import type { LoadResult } from './load/load.ts';
import type { Request } from './load/requests.ts';
import { type Latency, latencyOf, median } from './report/results.ts';
import type { Sizes } from './sizes.ts';

export interface Side {
  url: string;
  /** Makes the requests for a round, just before it. */
  requests: () => Request[] | Promise<Request[]>;
}
export type SideName = 'ours' | 'bare' | 'peer';
export type Sides = { ours: Side; bare: Side; peer?: Side | undefined };

export interface Measured {
  /** How many right answers came per second: the median of the rounds. */
  rate: number;
  latency: Latency;
}

/** Makes sure that all answers were right, as speed means nothing otherwise. @throws Error if one was wrong */
export const requireRight = ({ wrong, wrongExample }: LoadResult, who: string): void => {
  if (wrong > 0) throw new Error(`${wrong} requests to ${who} went wrong: ${wrongExample}.`);
};

const measured = (rounds: LoadResult[]): Measured => ({
  rate: median(rounds.map(({ count, seconds }) => count / seconds)),
  latency: latencyOf(rounds.map(({ latency }) => latency)),
});

/**
 * Measures the sides in turn, round by round, so that whatever else the machine does affects all of them alike. A peer
 * that gives wrong answers is left out.
 * @throws Error if ours or bare gives a wrong answer
 */
export const compare = async (
  generator: Generator,
  sides: Sides,
  { rounds, roundMs, warmupMs, connections }: Sizes,
): Promise<{ ours: Measured; bare: Measured; peer?: Measured; peerProblem?: string }> => {
  const runRound = async (name: SideName, { url, requests }: Side, isFirst: boolean) => {
    const result = await generator.run({
      url,
      requests: await requests(),
      connections,
      durationMs: roundMs,
      // At first there is code to compile.
      warmupMs: isFirst ? 3 * warmupMs : warmupMs,
    });
    requireRight(result, name);
    if (result.count === 0) throw new Error(`${name} answered nothing in ${roundMs} ms.`);
    return result;
  };
  const ours: LoadResult[] = [];
  const bare: LoadResult[] = [];
  const peer: LoadResult[] = [];
  let peerProblem: string | undefined;
  for (let round = 0; round < rounds; round++) {
    ours.push(await runRound('ours', sides.ours, round === 0));
    bare.push(await runRound('bare', sides.bare, round === 0));
    if (!sides.peer || peerProblem) continue;
    try {
      peer.push(await runRound('peer', sides.peer, round === 0));
    } catch (error) {
      peerProblem = error instanceof Error ? error.message : String(error);
    }
  }
  return {
    ours: measured(ours),
    bare: measured(bare),
    ...(peerProblem ? { peerProblem } : sides.peer && { peer: measured(peer) }),
  };
};
