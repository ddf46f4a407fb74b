/** A test, as far as helpers need it to clean up behind themselves. */
export interface Teardown {
  teardown(work: () => unknown): unknown;
}
