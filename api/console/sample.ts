/** What the console is told of the service each second. */
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Capabilities, Check } from '../health/capabilities.ts';

/** Null where nobody can tell at the moment. */
const Known = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const count = (description: string) => Known(Type.Integer({ description }));

export const Sample = Type.Object({
  at: Type.Integer({ description: 'when it was taken, in milliseconds since 1970' }),
  accepted: Known(Type.Number({ description: 'writes that all API processes accepted, a second' })),
  applied: Known(Type.Number({ description: 'writes that reached MySQL, a second' })),
  p50_ms: count('milliseconds from accepted to applied that half of them took at the most'),
  p99_ms: count('milliseconds that 99 of 100 took at the most'),
  waiting: count('jobs in the queue'),
  delayed: count('jobs that failed and wait for their next try'),
  dead: count('dead letters'),
  oldest_ms: count('for about how many milliseconds the oldest waiting job has waited; 0 if none does'),
  hub_lag_ms: count('for how many milliseconds the oldest entry of the journal has waited for the hub'),
  consumers: count('who takes jobs from the queue'),
});
export type Sample = Static<typeof Sample>;

export const Overview = Type.Object({
  samples: Type.Array(Sample, { description: 'the oldest first' }),
  health: Type.Object({
    ...Capabilities,
    mysql: Check,
    redis: Type.Optional(Check),
    rabbitmq: Check,
  }),
});
export type Overview = Static<typeof Overview>;
