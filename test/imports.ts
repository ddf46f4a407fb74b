/** What source files import from one another. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const root = join(import.meta.dirname, '..');

/** The source files of a folder, by their paths in the project. */
export const sourcesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => join(folder, file));

/** The specifiers of what a file imports, types included. */
export const importsOf = (file: string): string[] =>
  [
    ...readFileSync(join(root, file), 'utf8').matchAll(
      /^(?:import|export) (?:[^;'"]* from )?'([^']+)';$|\bimport\('([^']+)'\)/gm,
    ),
  ].map(([, fixed, dynamic]) => fixed ?? dynamic ?? '');

/** The files of the project that a file imports. */
export const filesImportedBy = (file: string): string[] =>
  importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => normalize(join(dirname(file), specifier)));
