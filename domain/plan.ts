/**
 * What a batch of jobs does to the database, worked out before it is done. Whatever the order in which jobs
 * arrive, and however often, an order ends as its versions say: a status is set only by a newer version, and after
 * a delete the tombstone turns everything else into nothing. The jobs of one order become one change of it.
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
  /** When it was accepted. */
  at: Date;
}

export interface Changes {
  inserts: AcceptedOrder[];
  updates: StatusChange[];
  /** Of orders that exist, or are among the inserts. */
  deletes: Deletion[];
}

/** The version of an order's newest write, or that it is deleted. */
export type State = number | 'deleted';

export interface AcceptedJob {
  job: WriteJob;
  /** When the write was accepted, as far as is known. */
  acceptedAt: Date;
  /** Whether that is by this process's own clock, as nobody else said when. */
  byOwnClock?: boolean;
}

/**
 * applied: the database changes. unchanged: the job was applied before. superseded: a newer write to the order, or its
 * delete, was applied before. order_not_found: its order is not there, or not yet.
 */
export type Effect = 'applied' | 'unchanged' | 'superseded' | 'order_not_found';

export interface Plan extends Changes {
  effects: Map<WriteJob, Effect>;
  /** What each order is in the end; those that are not there are not in it. */
  states: Map<string, State>;
  /**
   * An order that is created and deleted in one batch is among the inserts and the deletes: it meets the create of
   * another consumer at its primary key, so that it cannot come back.
   */
  deletes: Deletion[];
}

/** One order on its way through its jobs. */
interface Draft {
  state: State | undefined;
  /** Where the batch creates it. */
  created: AcceptedOrder | undefined;
  /** The status that the batch sets on an order that is in the database. */
  status: string | undefined;
  /** When the delete was accepted that the batch carries out. */
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

/** A job that came before the POST of its order need not wait if both are here. */
const createsFirst = ({ job: a }: AcceptedJob, { job: b }: AcceptedJob) =>
  Number(b.type === 'create_order') - Number(a.type === 'create_order');

/**
 * @param jobs in the order of their delivery
 * @param before what the database holds of their orders
 * @returns changes in the order of the orders' ids, so that two transactions meet locks in the same order
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
  for (const accepted of jobs.toSorted(createsFirst)) {
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
