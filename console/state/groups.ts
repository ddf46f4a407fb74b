/** Dead letters in groups. */
import type { DeadLetter } from '../../queue/dead-letters.ts';

export interface Group {
  key: string;
  reason: string;
  type: string | null;
  letters: DeadLetter[];
}

/** The one that failed last comes last. The broker gives letters that were looked at before in another order. */
export const inOrder = (letters: DeadLetter[]): DeadLetter[] =>
  letters.toSorted((one, other) => (one.last_failed_at ?? '').localeCompare(other.last_failed_at ?? ''));

/** By reason and type, the largest group first. */
export const groupsOf = (letters: DeadLetter[]): Group[] => {
  const groups = new Map<string, Group>();
  for (const letter of letters) {
    const reason = letter.reason ?? 'no reason given';
    const key = JSON.stringify([reason, letter.job_type]);
    const group = groups.get(key) ?? { key, reason, type: letter.job_type, letters: [] };
    group.letters.push(letter);
    groups.set(key, group);
  }
  return [...groups.values()].sort((one, other) => other.letters.length - one.letters.length);
};
