/** The options of a run. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fullSizes, quickSizes, type Sizes } from './sizes.ts';

export interface Options {
  quick: boolean;
  sizes: Sizes;
  isWanted: (name: string) => boolean;
  /** Another service that is measured too. */
  peer: { url: string; name: string } | undefined;
  /** The `dist` folder of another state of this service, which is measured in the same turns. */
  base: string | undefined;
}

/** The `dist` folder of the checkout in `folder`. @throws Error if it is not built */
const buildIn = (folder: string): string => {
  const build = resolve(folder, 'dist');
  if (!existsSync(join(build, 'api/server.js')))
    throw new Error(
      `--base must be a checkout of this service that is built, got ${folder}: run npm ci and npm run build there.`,
    );
  return build;
};

/**
 * Reads the command line.
 * @param cases all cases; those with `onRequest` are measured only if they are named
 * @throws Error with one sentence if the options make no sense
 */
export const readOptions = (args: string[], cases: { name: string; onRequest: boolean }[]): Options => {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      against: { type: 'string' },
      name: { type: 'string', default: 'peer' },
      base: { type: 'string' },
      seconds: { type: 'string', default: '10' },
    },
  });
  const { quick, against, name, base } = values;
  const only = values.only?.split(',');
  const unknown = only?.find((one) => !cases.some((known) => known.name === one));
  if (unknown !== undefined)
    throw new Error(`There is no case ${unknown}: choose from ${cases.map((one) => one.name).join(', ')}.`);
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds must be a positive number, got ${values.seconds}.`);
  if (against !== undefined && !URL.canParse(against))
    throw new Error(`--against must be a URL such as http://localhost:8080, got ${against}.`);
  if (against !== undefined && base !== undefined)
    throw new Error('--against and --base are two things to measure beside: choose one of them.');
  const wanted = new Set(only ?? cases.flatMap((one) => (one.onRequest ? [] : [one.name])));
  return {
    quick,
    sizes: quick ? quickSizes : fullSizes(seconds),
    isWanted: (one) => wanted.has(one),
    peer: against === undefined ? undefined : { url: new URL(against).origin, name },
    base: base === undefined ? undefined : buildIn(base),
  };
};
