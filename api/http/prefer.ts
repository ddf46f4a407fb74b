/** The header Prefer (RFC 7240). Whatever in it is not understood is passed over, as the RFC asks. */

/** What clients send is shorter. */
const MOST_CHARACTERS = 512;
const MOST_SECONDS = 30;

const PREFERENCES = /(?:"(?:[^"\\]|\\.)*"|[^",])+/g;
const WAIT = /^\s*wait\s*=\s*(?:(\d+)|"(\d+)")\s*(?:;.*)?$/is;

/**
 * For how many seconds a client prefers to wait for the end of its request, 1 to 30.
 * @param prefer the header; several lines of it are joined by commas
 * @returns undefined if it does not prefer to wait
 */
export const readWait = (prefer: string | string[] | undefined): number | undefined => {
  if (prefer === undefined || prefer.length > MOST_CHARACTERS) return undefined;
  for (const preference of String(prefer).match(PREFERENCES) ?? []) {
    // Of a preference that is given twice the first counts (2).
    if (!/^\s*wait\s*(?:[=;]|$)/i.test(preference)) continue;
    const [, plain, quoted] = WAIT.exec(preference) ?? [];
    return Math.min(Number(plain ?? quoted ?? 0), MOST_SECONDS) || undefined;
  }
  return undefined;
};
