/** The grants in docs/ACCOUNTS.md, which the tests use as they stand there. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const docs = readFileSync(fileURLToPath(new URL('../../docs/ACCOUNTS.md', import.meta.url)), 'utf8');
const leastPrivilege = docs.split(/^## /m).find((section) => section.startsWith('Least privilege')) ?? '';

/** The lines with grants that begin with a word. */
export const grantLines = (word: string): string[] =>
  leastPrivilege.split('\n').filter((line) => line.startsWith(word));

/** What makes the user of Redis, behind `ACL`. */
export const aclWords = (password: string): string[] =>
  (grantLines('ACL SETUSER')[0] ?? '')
    .split(' ')
    .slice(1)
    .map((word) => word.replace('…', password));

/** What else it needs in a cluster. */
export const clusterWords = (): string[] => {
  const [, words = ''] = /for a cluster `([^`]+)`/.exec(leastPrivilege) ?? [];
  return words.split(' ');
};
