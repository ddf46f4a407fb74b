/** What a client has already, and what it understands (RFC 9110). */

export type Coding = 'br' | 'gzip';
/** In our order of preference. */
const CODINGS: Coding[] = ['br', 'gzip'];

/** The end of a tag, with the suffix that a compressing proxy adds: Apache `-gzip` and `-br`, others `;gzip`. */
const TAG_END = /^(?:(?:--?|;)(?:gzip|br|deflate|zstd))?"/;

/**
 * Whether an If-None-Match names an entity tag; `*` names any (13.1.2). The comparison is weak (8.8.3.2), so only the
 * quoted parts count. Tags have no quotes inside, so a quoted part that is found in the header is one of its tags.
 */
export const namesTag = (ifNoneMatch: string | undefined, etag: string): boolean => {
  if (ifNoneMatch === undefined) return false;
  const beginning = etag.slice(etag.indexOf('"'), -1);
  for (let at = ifNoneMatch.indexOf(beginning); at >= 0; at = ifNoneMatch.indexOf(beginning, at + 1))
    if (TAG_END.test(ifNoneMatch.slice(at + beginning.length))) return true;
  return ifNoneMatch.trim() === '*';
};

/**
 * The coding to which an Accept-Encoding (12.5.3) gives the greatest weight; undefined, which means no coding, if the
 * header names none of ours or prefers `identity`.
 */
export const chooseCoding = (acceptEncoding: string | undefined): Coding | undefined => {
  if (acceptEncoding === undefined) return undefined;
  const weights = new Map<string, number>();
  for (const element of acceptEncoding.toLowerCase().split(',')) {
    const [coding = '', weight = 'q=1'] = element.split(';').map((part) => part.trim());
    weights.set(coding, Number(/^q=([\d.]+)$/.exec(weight)?.[1] ?? 0));
  }
  let chosen: Coding | undefined;
  let greatest = 0;
  for (const coding of CODINGS) {
    const weight = weights.get(coding) ?? weights.get('*') ?? 0;
    if (weight > greatest) {
      chosen = coding;
      greatest = weight;
    }
  }
  return greatest >= (weights.get('identity') ?? 0) ? chosen : undefined;
};
