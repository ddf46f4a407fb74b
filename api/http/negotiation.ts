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

/** What a header such as Accept names, in lower case, with the weight that the client gives it (12.4.2), from 0 to 1. */
const weightsOf = (header: string): Map<string, number> => {
  const weights = new Map<string, number>();
  for (const element of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = element.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q=')) ?? 'q=1';
    weights.set(name, Number(/^q=([\d.]+)$/.exec(weight)?.[1] ?? 0));
  }
  return weights;
};

/**
 * The coding to which an Accept-Encoding (12.5.3) gives the greatest weight; undefined, which means no coding, if the
 * header names none of ours or prefers `identity`.
 */
export const chooseCoding = (acceptEncoding: string | undefined): Coding | undefined => {
  if (acceptEncoding === undefined) return undefined;
  const weights = weightsOf(acceptEncoding);
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

export const PROBLEM_TYPE = 'application/problem+json';
/**
 * Whether an Accept (12.5.1) wants errors as RFC 9457 describes them: it must name their type, as a wildcard says nothing
 * of it, and must not prefer plain JSON.
 */
export const prefersProblem = (accept: string | undefined): boolean => {
  // Nearly no client does: the others cost no look at their weights.
  if (!accept?.toLowerCase().includes(PROBLEM_TYPE)) return false;
  const weights = weightsOf(accept);
  const problem = weights.get(PROBLEM_TYPE) ?? 0;
  const json = weights.get('application/json') ?? weights.get('application/*') ?? weights.get('*/*') ?? 0;
  return problem > 0 && problem >= json;
};
