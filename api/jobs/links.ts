/** How a job is named in a URL. */
import { type Static, Type } from '@sinclair/typebox';
import { Uuid } from '../../domain/order.ts';
import { HttpError } from '../http/errors.ts';
import type { Coordinates } from './find.ts';

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

export const jobNotFound = (id: string) =>
  new HttpError(404, `Job with ID '${id}' not found.`, 'job_not_found');
