/**
 * Works out what a batch of jobs does to the database before it is done. In whatever order jobs arrive, and however
 * often, an order ends as its versions say: only a newer version sets a status, and after a delete the tombstone makes
 * every other job of that order do nothing. All jobs of one order become one change of it.
 */
import type { WriteJob } from './jobs.ts';
import type { Order } from './order.ts';

export interface AcceptedOrder {
  order: Order;
  acceptedAt: Date;
  version: number;
}

export interface StatusChange {
  id: string;
  status: string;
  version: number;
}

export interface Deletion {
  id: string;
  /** When the delete was accepted. */
  at: Date;
}

export interface Changes {
  inserts: AcceptedOrder[];
  updates: StatusChange[];
  /** Deletes of orders that exist or are among the inserts. */
  deletes: Deletion[];
}

/** The version of an order's newest write, or 'deleted'. */
export type State = number | 'deleted';

export interface AcceptedJob {
  job: WriteJob;
  /** When the write was accepted, as far as anybody knows. */
  acceptedAt: Date;
  /** Whether this time is from this process's own clock, because neither the job nor its message has one. */
  byOwnClock?: boolean;
  /** How often the job has been tried by now, this time included. */
  attempts?: number;
  /** The id of the HTTP request that the job comes from. */
  requestId?: string | undefined;
  /** Whether the broker has delivered it before, so that it may have been applied then. */
  redelivered?: boolean;
}

/**
 * applied: the database changes. unchanged: the job was applied before. superseded: a newer write to the order, or its
 * delete, was applied before. order_not_found: the job's order does not exist, or not yet.
 */
export type Effect = 'applied' | 'unchanged' | 'superseded' | 'order_not_found';

export interface Plan extends Changes {
  effects: Map<WriteJob, Effect>;
  /** The state of each order in the end, without orders that do not exist. */
  states: Map<string, State>;
  /**
   * If a batch creates and deletes an order, it is among the inserts and the deletes. So if another consumer creates
   * the order too, the two meet at the primary key, and the order cannot come back.
   */
  deletes: Deletion[];
}

/** An order while its jobs are worked out. */
interface Draft {
  state: State | undefined;
  /** The order as the batch creates it; undefined if it does not. */
  created: AcceptedOrder | undefined;
  /** The status that the batch sets if the order is in the database already. */
  status: string | undefined;
  /** When the delete that the batch carries out was accepted. */
  deletedAt: Date | undefined;
}

const create = (draft: Draft, { job, acceptedAt }: AcceptedJob): Effect => {
  if (draft.state === 'deleted') return 'superseded';
  if (job.type !== 'create_order' || draft.state !== undefined) return 'unchanged';
  const { payload: order, version = 0 } = job;
  draft.created = { order, acceptedAt, version };
  draft.state = version;
  return 'applied';
};

const update = (draft: Draft, status: string, version: number | undefined): Effect => {
  const { state, created } = draft;
  if (state === undefined) return 'order_not_found';
  if (state === 'deleted') return 'superseded';
  if (version !== undefined && version <= state) return version === state ? 'unchanged' : 'superseded';
  draft.state = version ?? state;
  if (created) draft.created = { ...created, order: { ...created.order, status }, version: draft.state };
  else draft.status = status;
  return 'applied';
};

const remove = (draft: Draft, { acceptedAt }: AcceptedJob): Effect => {
  if (draft.state === undefined) return 'order_not_found';
  if (draft.state === 'deleted') return 'unchanged';
  draft.state = 'deleted';
  draft.deletedAt = acceptedAt;
  return 'applied';
};

const take = (draft: Draft, accepted: AcceptedJob): Effect => {
  const { job } = accepted;
  switch (job.type) {
    case 'create_order':
      return create(draft, accepted);
    case 'update_order_status':
      return update(draft, job.payload.status, job.version);
    case 'delete_order':
      return remove(draft, accepted);
  }
};

const isCreate = ({ job }: AcceptedJob): boolean => job.type === 'create_order';

/**
 * The order in which the jobs of a batch take effect, and are told: creates first, so that a job that came before the
 * POST of its order need not wait if both are in the batch.
 * @param jobs in the order of their delivery
 */
export const asTheyTakeEffect = (jobs: AcceptedJob[]): AcceptedJob[] => [
  ...jobs.filter(isCreate),
  ...jobs.filter((one) => !isCreate(one)),
];

/**
 * Works out what a batch of jobs changes.
 * @param jobs in the order of their delivery
 * @param before the state of each of their orders in the database, without orders that do not exist
 * @returns changes sorted by the ids of the orders, so that two transactions take their locks in the same order
 */
export const planBatch = (jobs: AcceptedJob[], before: ReadonlyMap<string, State>): Plan => {
  const plan: Plan = {
    effects: new Map(),
    states: new Map(),
    inserts: [],
    updates: [],
    deletes: [],
  };
  const drafts = new Map<string, Draft>();
  for (const accepted of asTheyTakeEffect(jobs)) {
    const { order_id: id } = accepted.job.payload;
    const draft = drafts.get(id) ?? {
      state: before.get(id),
      created: undefined,
      status: undefined,
      deletedAt: undefined,
    };
    drafts.set(id, draft);
    plan.effects.set(accepted.job, take(draft, accepted));
  }
  for (const id of [...drafts.keys()].sort()) {
    const { state, created, status, deletedAt } = drafts.get(id) ?? {};
    if (state === undefined) continue;
    plan.states.set(id, state);
    if (created) plan.inserts.push(created);
    if (state !== 'deleted') {
      if (status !== undefined) plan.updates.push({ id, status, version: state });
    } else if (deletedAt) plan.deletes.push({ id, at: deletedAt });
  }
  return plan;
};
