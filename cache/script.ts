/** Running the Lua scripts, which are in files of their own (cache/scripts/). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { isUnknownScript } from './redis.ts';

/** The text of a script. The path goes by the folder above, so that the bundled programs in dist/ find the file too. */
const source = (name: string): string =>
  readFileSync(new URL(`../cache/scripts/${name}.lua`, import.meta.url), 'utf8');

/**
 * Makes a function that runs a script. The script's text is sent only if Redis does not know it by its hash.
 * @param name of its file, without `.lua`
 * @param shared the names of files with functions that it uses, in their order
 * @returns a function of the link's Redis, the keys and the arguments; it returns what the script does, and throws
 *   Redis's error
 */
export const script = (name: string, ...shared: string[]) => {
  const lua = [...shared, name].map(source).join('\n');
  const sha = createHash('sha1').update(lua).digest('hex');
  return async (redis: Redis, keys: string[], ...args: (string | number | Buffer)[]): Promise<unknown> => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return redis.eval(lua, keys.length, ...keys, ...args);
    }
  };
};
