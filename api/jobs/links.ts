/** How a job is named in a URL. */
import { type Static, Type } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
import { canonicalId } from '../../domain/ids.ts';
import { JobId, Uuid } from '../../domain/order.ts';
import { validator } from '../../domain/validate.ts';
import { HttpError } from '../http/errors.ts';
import type { Coordinates, JobFinder } from './find.ts';

export const Id = Type.Object({ id: Type.String() });
export const Version = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'an integer from 0 to 9007199254740991',
});
export const Link = Type.Object({ order_id: Type.Optional(Uuid), version: Type.Optional(Version) });

/** What a link says beside the job's id, if it says that. */
export const linkOf = ({ order_id: orderId, version }: Static<typeof Link>): Coordinates | undefined =>
  orderId !== undefined && version !== undefined ? { orderId, version } : undefined;

const notAnId = validator(JobId, 'id');
const notAUuid = validator(Uuid, 'id');
/**
 * Makes a hook that answers 404 to an id that no job can have, and turns an id in capitals into the one that was given
 * out. Other publishers choose ids of their own, so an id that is known as it is stays so.
 */
export const readJobId =
  (jobs: JobFinder) =>
  async ({ params }: FastifyRequest): Promise<void> => {
    const asked = params as { id: string };
    const id = canonicalId(asked.id);
    if (notAnId(asked.id)) throw jobNotFound(asked.id);
    if (id === asked.id || notAUuid(id)) return;
    const known = await jobs.one(asked.id).catch(() => undefined);
    if (known === undefined || known.status === 'unknown') asked.id = id;
  };

export const historyNotKept = () =>
  new HttpError(404, 'Nothing is told of jobs, as HISTORY_DAYS is 0.', 'history_not_kept');

export const jobNotFound = (id: string) =>
  new HttpError(404, `Job with ID '${id}' not found.`, 'job_not_found');
