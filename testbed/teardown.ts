/** A test, as far as helpers need one to clean up after themselves. */
export interface Teardown {
  teardown(work: () => unknown): unknown;
}
