/** The results of a benchmark, and whether they meet the targets. */

import { createHistogram } from '../../cli/load/histogram.ts';
import type { Line } from '../../cli/load/plots.ts';
import type { LoadResult } from '../load/load.ts';

/** Percentiles: the milliseconds that so many percent of the requests did not exceed. */
export type Latency = Record<'50' | '90' | '99' | '99.9', number>;

/** What must be true of a case. Everything that is given must be. */
export interface Target {
  /** Ours is at least so many times bare. */
  ofBare?: number;
  /** Ours is at least so many times the peer. */
  ofPeer?: number;
  least?: number;
  most?: number;
}

export interface Row {
  /** The name that `--only` takes. */
  name: string;
  title: string;
  unit: string;
  ours: number;
  bare?: number;
  peer?: number;
  latency?: Latency;
  bareLatency?: Latency;
  peerLatency?: Latency;
  target?: Target;
  /** What a reader must know in addition to the numbers. */
  note?: string;
}

/** A case that could not be measured. */
export interface Broken {
  name: string;
  broken: string;
}

export interface Chart {
  title: string;
  xLabel: string;
  yLabel: string;
  lines: Line[];
}

export type Verdict = 'met' | 'missed' | 'no target';

/**
 * Whether a row meets its target. It compares only numbers of the same run: those of different runs, let alone
 * different machines, say nothing about each other.
 */
export const verdictOf = ({ ours, bare, peer, target }: Row): Verdict => {
  const demands: [demanded: number | undefined, holds: (demanded: number) => boolean][] = [
    [target?.ofBare, (least) => bare !== undefined && ours / bare >= least],
    [peer === undefined ? undefined : target?.ofPeer, (least) => peer !== undefined && ours / peer >= least],
    [target?.least, (least) => ours >= least],
    [target?.most, (most) => ours <= most],
  ];
  const given = demands.flatMap(([demanded, holds]) => (demanded === undefined ? [] : [holds(demanded)]));
  if (given.length === 0) return 'no target';
  return given.every(Boolean) ? 'met' : 'missed';
};

export const withoutPeerTarget = ({ target, ...row }: Row): Row => {
  if (!target) return row;
  const { ofPeer: _, ...rest } = target;
  return { ...row, target: rest };
};

export const median = (numbers: number[]): number => {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
};

/** The percentiles of several histograms together. @param counts those of the histograms */
export const latencyOf = (counts: LoadResult['latency'][]): Latency => {
  const all = createHistogram();
  for (const each of counts) all.merge(each);
  return {
    '50': all.percentile(50),
    '90': all.percentile(90),
    '99': all.percentile(99),
    '99.9': all.percentile(99.9),
  };
};
