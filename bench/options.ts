/** What a run is asked to do. */
import { parseArgs } from 'node:util';
import { fullSizes, quickSizes, type Sizes } from './sizes.ts';

export interface Options {
  quick: boolean;
  sizes: Sizes;
  isWanted: (name: string) => boolean;
  /** Another service to measure as well. */
  peer: { url: string; name: string } | undefined;
}

/**
 * Reads the command line.
 * @param cases those that there are; those `onRequest` are measured only when they are named
 * @throws Error with one sentence
 */
export const readOptions = (args: string[], cases: { name: string; onRequest: boolean }[]): Options => {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      against: { type: 'string' },
      name: { type: 'string', default: 'peer' },
      seconds: { type: 'string', default: '10' },
    },
  });
  const { quick, against, name } = values;
  const only = values.only?.split(',');
  const unknown = only?.find((one) => !cases.some((known) => known.name === one));
  if (unknown !== undefined)
    throw new Error(`There is no case ${unknown}: choose from ${cases.map((one) => one.name).join(', ')}.`);
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds must be a positive number, got ${values.seconds}.`);
  if (against !== undefined && !URL.canParse(against))
    throw new Error(`--against must be a URL such as http://localhost:8080, got ${against}.`);
  const wanted = new Set(only ?? cases.flatMap((one) => (one.onRequest ? [] : [one.name])));
  return {
    quick,
    sizes: quick ? quickSizes : fullSizes(seconds),
    isWanted: (one) => wanted.has(one),
    peer: against === undefined ? undefined : { url: new URL(against).origin, name },
  };
};
