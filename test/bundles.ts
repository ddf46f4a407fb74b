/**
 * Bundles the test files with all that they import, tap too. Otherwise Node and tsx spend more CPU on finding and loading
 * the modules of a test file than most of these spend on their tests.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');

/** A source file that asks where it is gets its own place, not that of the bundle. */
const inPlace: Plugin = {
  name: 'in place',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (path.includes('/node_modules/')) return undefined;
      const text = await readFile(path, 'utf8');
      const url = pathToFileURL(path);
      const contents = text
        .replace(/import\.meta\.resolve\('(\.[^']+)'\)/g, (_, to) => JSON.stringify(new URL(to, url)))
        .replaceAll('import.meta.url', JSON.stringify(url))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)));
      return { contents, loader: 'ts' };
    }),
};

/**
 * @param files test files, by their paths in the project
 * @param folder gets the bundles, in the same folders as the files; Node must find the packages from there
 */
export const bundleTests = async (files: string[], folder: string): Promise<void> => {
  await build({
    absWorkingDir: root,
    entryPoints: files,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'linked',
    sourcesContent: false,
    // Some tests and injected modules change amqplib and mysql2 under the service, which finds them outside
    // (ops/bundle.sh) too. The others find their own files beside their modules.
    external: ['esbuild', 'amqplib', 'mysql2', 'playwright-core'],
    // What libraries in CommonJS load is not there in a module by itself.
    banner: {
      js: 'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);',
    },
    outbase: '.',
    outdir: folder,
    plugins: [inPlace],
    logLevel: 'warning',
  });
};
