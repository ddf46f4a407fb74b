/** What the broker says of why it refuses something: a reply code and a sentence (AMQP 0-9-1, 1.2). */

/** The reply code, also where the error has another one for its cause; undefined where it is not the broker's. */
export const codeOf = (error: unknown): number | undefined => {
  if (!(error instanceof Error)) return undefined;
  return 'code' in error && typeof error.code === 'number' ? error.code : codeOf(error.cause);
};

export const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : String(error);
