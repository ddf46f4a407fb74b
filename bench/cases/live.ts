/** Measures POST while consumers apply what is accepted: as the service runs by default, with its simulated lag. */
import { until } from '../../testbed/until.ts';
import { countCpu } from '../cpu.ts';
import { type Latency, latencyOf, median, type Row } from '../report/results.ts';
import { watchDrain } from './apply.ts';
import type { Case, Context } from './case.ts';
import { bareCost, postFor, WARMUPS } from './cost.ts';
import { openSteady } from './steady.ts';

const LAG = '0.3';

interface Live {
  rate: number;
  latency: Latency;
  /** What 1,000 writes take until they are applied and passed on. */
  cpu?: string;
}

/** A service that is measured in turns. */
interface Side {
  name: string;
  /** Has one turn, and waits until nothing of it is left to do. */
  turn: (durationMs: number) => Promise<Turn>;
}
type Turn = Awaited<ReturnType<Context['system']['generator']['run']>> & { cpu?: string };

/** Starts a build of this service, to be measured in turns. */
const openSide = async (context: Context, name: string, build?: string) => {
  const { url, stores, processes, close } = await openSteady(context, name, LAG, 0, {}, build);
  const hasJournal = (await stores.rows("SHOW TABLES LIKE 'order_journal'")).length > 0;
  const isPassedOn = async () =>
    !hasJournal || (await stores.rows('SELECT 1 FROM order_journal LIMIT 1')).length === 0;
  let accepted = 0;
  const side: Side = {
    name,
    turn: async (durationMs) => {
      const cpu = countCpu(processes, context.system);
      const result = await postFor(context, url, durationMs);
      accepted += result.count;
      const { applyWithinMs } = context.sizes;
      await watchDrain(stores, accepted, applyWithinMs);
      await until('all is passed on', isPassedOn, applyWithinMs);
      return { ...result, cpu: cpu(result.count).shares };
    },
  };
  return { ...side, close };
};

/** Measures sides in turn, after a warm-up of each, in which the code is compiled, also that of the consumers. */
const measureInTurn = async ({ sizes }: Context, sides: Side[]): Promise<Live[]> => {
  const { warmupMs, rounds, roundMs } = sizes;
  for (const { turn } of sides) await turn(WARMUPS * warmupMs);
  const turns = sides.map((): Turn[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, { turn }] of sides.entries()) turns[i]?.push(await turn(roundMs));
  return turns.map((ofSide) => ({
    rate: median(ofSide.map(({ count, seconds }) => count / seconds)),
    latency: latencyOf(ofSide.map(({ latency }) => latency)),
    cpu: ofSide.at(-1)?.cpu,
  }));
};

export const postLive: Case<Context> = {
  name: 'post-live',
  measure: async (context) => {
    const { base, peer } = context;
    const sides: Awaited<ReturnType<typeof openSide>>[] = [];
    try {
      sides.push(await openSide(context, 'live'));
      if (base !== undefined) sides.push(await openSide(context, 'base_live', base));
      const [ours, ofBase] = await measureInTurn(context, sides);
      const bare = await bareCost(context, context.sizes.roundMs);
      if (!ours) throw new Error('Nothing was measured.');
      // What another service has accepted it may apply for minutes. So it comes last.
      const [ofPeer = ofBase] = peer
        ? await measureInTurn(context, [{ name: peer.name, turn: (ms) => postFor(context, peer.url, ms) }])
        : [];
      const row: Row = {
        name: 'post-live',
        title: `POST while consumers apply, lag ${LAG} s`,
        unit: 'requests/s',
        ours: ours.rate,
        latency: ours.latency,
        ...(ofPeer && { peer: ofPeer.rate, peerLatency: ofPeer.latency }),
        note: `CPU seconds for 1,000 writes: ${ours.cpu}; bare, not applied: ${bare.shares}${ofBase ? `; base: ${ofBase.cpu}` : ''}.`,
      };
      return { rows: [row] };
    } finally {
      for (const { close } of sides) await close();
    }
  },
};
