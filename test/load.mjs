// Loaded before each test file: has Node run the file's bundle (bundles.ts), or TypeScript if it has none.
import { existsSync, realpathSync } from 'node:fs';
import { register } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const { TEST_BUNDLES } = process.env;
const file = realpathSync(resolve(process.argv[1]));
const bundle = join(
  TEST_BUNDLES ?? '',
  relative(join(import.meta.dirname, '..'), file).replace(/\.ts$/, '.js'),
);
if (TEST_BUNDLES && existsSync(bundle)) {
  const names = [process.argv[1], file].map((path) => pathToFileURL(path).href);
  const hook = `export const resolve = (specifier, context, next) =>
    next(${JSON.stringify(names)}.includes(specifier) ? '${pathToFileURL(bundle)}' : specifier, context);`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
} else await import('tsx');
