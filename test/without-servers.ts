/** Finds the tests of code alone, which need no server and start none. */
import { filesImportedBy, importsOf, sourcesIn } from './imports.ts';

/** A test that imports one of these, directly or through others, uses a server or starts a process. */
const servers = [
  /^test\/helpers\/(app|environment|mysql|processes|stores|queues)\.ts$/,
  /^testbed\/(spawn|guarded-folder|scratch|rabbitmqctl|certificates)\.ts$/,
  /^ops\/private/,
];
/** A test that imports one of these itself sends real requests. */
const libraries = ['node:http', 'node:net', 'fastify'];

/** @returns test files, by their paths in the project */
export const testsWithoutServers = (): string[] => {
  const known = new Map<string, boolean>();
  const needsServer = (file: string): boolean => {
    const before = known.get(file);
    if (before !== undefined) return before;
    // For files that import each other.
    known.set(file, false);
    const needs = servers.some((pattern) => pattern.test(file)) || filesImportedBy(file).some(needsServer);
    known.set(file, needs);
    return needs;
  };
  return sourcesIn('test')
    .filter((file) => file.endsWith('.test.ts') && !needsServer(file))
    .filter((file) => !importsOf(file).some((specifier) => libraries.includes(specifier)))
    .sort();
};
