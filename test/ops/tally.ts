/** What a run of tap amounts to, read from its raw TAP. */

export interface Tally {
  passed: number;
  /** Failed assertions, and whatever else makes a run worthless: a file without tests, a run cut short. */
  failed: number;
  /** One sentence for each failure that is not an assertion. */
  problems: string[];
}

/**
 * @param tap all that tap wrote with `--output-file`
 * @param exitCode tap's own, null when a signal ended it
 */
export const tally = (tap: string, exitCode: number | null): Tally => {
  const summary = [...tap.matchAll(/^# \{ total: .*\}$/gm)].at(-1)?.[0] ?? '';
  const count = (word: string) => Number(summary.match(new RegExp(`\\b${word}: (\\d+)`))?.[1] ?? 0);
  const passed = count('pass');
  const failed = count('fail');
  const problems = [...tap.matchAll(/^ok \d+ - (.+?) # SKIP no tests found$/gm)].map(
    ([, file]) => `${file} has no tests.`,
  );
  if (!summary) problems.push('tap ended without a summary.');
  else if (passed + failed === 0 && problems.length === 0) problems.push('No assertion was made.');
  if (exitCode !== 0 && failed + problems.length === 0)
    problems.push('tap failed without a failed assertion: it was cut short.');
  return { passed, failed: failed + problems.length, problems };
};

/** The failed assertions, each with what tap says about it. A test that failed only because of them is left out. */
export const failuresIn = (tap: string): string[] =>
  [...tap.matchAll(/^( +)not ok \d+ - (?!.*# time=).*\n(?:\1 +---\n(?:.*\n)*?\1 +\.\.\.\n)?/gm)].map(
    ([text]) => text,
  );
