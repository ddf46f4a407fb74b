/**
 * Many new orders in one request, each accepted or refused by itself. The work on them is done in slices, so that other
 * requests have their turns meanwhile.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Ids, keyedIds } from '../../domain/keyed-ids.ts';
import { NewOrder, type OrderContent } from '../../domain/order.ts';
import { shown, validator } from '../../domain/validate.ts';
import type { Observer } from '../../process/observer.ts';
import { PublishError } from '../../queue/errors.ts';
import type { ErrorCode } from '../http/error-codes.ts';
import { errorBody, unaccepted } from '../http/errors.ts';
import { MAX_DEPTH } from '../http/input.ts';
import { Line } from '../http/ndjson.ts';
import type { Keeping } from './idempotency.ts';
import { contentOf, type Origin, type orderWrites, readNumericQuantities } from './writes.ts';

/** What is wrong with an order, as the single POST would say. */
interface Refusal {
  error: string;
  code: ErrorCode;
}
/** What became of an order. */
export type Result = (Ids & { status: 'queued' }) | Refusal;
/** What a batch asks for, in its order. */
export type Batch = (OrderContent | Refusal)[];

/** How long a slice of work may take. */
const SLICE_MS = 5;
/** Makes a function to be awaited after each piece of work: at the end of a slice it waits for the next turn. */
const slices = () => {
  let began = performance.now();
  return async (): Promise<void> => {
    if (performance.now() - began < SLICE_MS) return;
    await nextTurn();
    began = performance.now();
  };
};

const isRefusal = (one: OrderContent | Result): one is Refusal => 'error' in one;
const invalid = (error: string): Refusal => ({ error, code: 'invalid_input' });
const queued = ({ job_id, order_id }: Ids): Result => ({ job_id, order_id, status: 'queued' });

const problemOf = validator(NewOrder, 'The order');
const readElement = (element: unknown, name: string): OrderContent | Refusal => {
  const value = element instanceof Line ? element.read() : element;
  if (element instanceof Line && value === undefined)
    return invalid(
      `${name} must be valid JSON of at most ${MAX_DEPTH} levels on one line, got ${shown(element.text)}.`,
    );
  readNumericQuantities(value);
  const problem = problemOf(value, name);
  return problem === undefined ? contentOf(value as NewOrder) : invalid(problem);
};

/** Reads the elements of a batch: values, or `Line`s of NDJSON. */
export const readBatch = async (elements: unknown[]): Promise<Batch> => {
  const slice = slices();
  const batch: Batch = [];
  for (const [place, element] of elements.entries()) {
    batch.push(readElement(element, `orders[${place}]`));
    await slice();
  }
  return batch;
};

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
const resultOf = (outcome: Result | Error): Result => {
  if (!(outcome instanceof Error)) return outcome;
  if (outcome instanceof PublishError) return errorBody(unaccepted[outcome.outcome]);
  throw outcome;
};

/**
 * Accepts the orders of a batch: publishes one after the other, so that their versions ascend, and waits for all
 * confirms together.
 * @returns what became of each order
 * @throws PublishError if the broker has taken none of them, so that the client waits before it tries again
 */
export const acceptBatch = async (
  { writes, observer }: { writes: ReturnType<typeof orderWrites>; observer: Observer },
  batch: Batch,
  origin: Origin,
): Promise<Result[]> => {
  const slice = slices();
  const idsAt = writes.idsInBatch(origin);
  const tries: (Refusal | Promise<Result | Error>)[] = [];
  for (const [place, one] of batch.entries()) {
    // Its failure is caught at once: others may be published for some turns yet.
    tries.push(isRefusal(one) ? one : writes.create(one, origin, idsAt(place)).then(queued, asError));
    await slice();
  }
  const outcomes = await Promise.all(tries);
  const results = outcomes.map(resultOf);

  const unpublished = outcomes.filter((one) => one instanceof PublishError);
  const count = (of: PublishError['outcome']) => unpublished.filter(({ outcome }) => outcome === of).length;
  // That nobody knows of one order is more than that another one was refused.
  const worst = unpublished.find(({ outcome }) => outcome === 'unknown') ?? unpublished[0];
  const answer = results.every(isRefusal) ? worst : undefined;
  // One line in the log for each reason, not for each order.
  for (const { outcome, message } of new Map(unpublished.map((one) => [one.outcome, one])).values()) {
    if (outcome === answer?.outcome) continue;
    observer.writeRefused({ requestId: origin.requestId, outcome, reason: message, writes: count(outcome) });
  }
  // Who answers with the error tells of the orders that it stands for.
  if (answer) throw new PublishError(answer.outcome, answer.message, { messages: count(answer.outcome) });
  return results;
};

/**
 * What is kept of the answer to a batch with an Idempotency-Key: nothing but that it is final, as ids and sentences
 * follow from the request. If the broker has not taken an order, the whole batch may be tried again: the orders that it
 * has taken get the same ids, and so are the same writes.
 */
export const keepingOf = (batch: Batch): Keeping<Result[]> => ({
  kept: (results) =>
    results.some((one) => isRefusal(one) && one.code !== 'invalid_input') ? undefined : 'final',
  again: (_kept, identity) => {
    const idsAt = keyedIds(identity);
    return batch.map((one, place) => (isRefusal(one) ? one : queued(idsAt(place))));
  },
});
