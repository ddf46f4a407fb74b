/** Running the Lua scripts, which are in files of their own (cache/scripts/). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { isUnknownScript } from './redis.ts';

/** By way of the folder above, so that it is found from the bundled programs in dist/ as well. */
const source = (name: string): string =>
  readFileSync(new URL(`../cache/scripts/${name}.lua`, import.meta.url), 'utf8');

/**
 * A script, which is sent only where Redis does not know it by its hash yet.
 * @param name of its file
 * @param shared the files of functions that it uses, in their order
 */
export const script = (name: string, ...shared: string[]) => {
  const lua = [...shared, name].map(source).join('\n');
  const sha = createHash('sha1').update(lua).digest('hex');
  return async (redis: Redis, keys: string[], ...args: (string | number)[]): Promise<unknown> => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return redis.eval(lua, keys.length, ...keys, ...args);
    }
  };
};
