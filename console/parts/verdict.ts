/** Says in one sentence whether the service keeps up. */
import type { Overview, Sample } from '../../api/console/sample.ts';
import { count, duration } from '../state/times.ts';
import type { IconName, Tone } from './icon-paths.ts';

export interface Verdict {
  tone: Tone;
  icon: IconName;
  word: string;
  sentence: string;
}

/** From so many milliseconds on, waiting is more than the moment that a batch takes. */
const LATE_MS = 5_000;

/** @param samples the last ones, the oldest first */
export const verdictOf = (samples: Sample[], health: Overview['health']): Verdict => {
  const last = samples.at(-1);
  const waiting = last?.waiting ?? 0;
  const backlog = waiting > 0 ? ` ${count(waiting)} jobs wait.` : '';
  if (health.accepting === 'no')
    return {
      tone: 'bad',
      icon: 'cross',
      word: 'Refusing writes',
      sentence: health.rabbitmq.ok
        ? `RabbitMQ answers, but more jobs wait than MAX_BACKLOG allows.${backlog}`
        : 'RabbitMQ does not answer. Writes get 503 until it is back.',
    };
  if (!health.mysql.ok)
    return {
      tone: 'bad',
      icon: 'cross',
      word: 'Applying has stopped',
      sentence: `${health.mysql.reason ?? 'MySQL does not answer.'} Writes are accepted and wait.${backlog}`,
    };
  if (last?.consumers === 0)
    return {
      tone: 'bad',
      icon: 'cross',
      word: 'Nobody applies',
      sentence: `No consumer takes jobs from the queue: start one.${backlog}`,
    };
  if ((last?.oldest_ms ?? 0) > LATE_MS) {
    const before = samples.at(-10)?.waiting ?? waiting;
    const isShrinking = waiting < before;
    return {
      tone: 'warn',
      icon: 'clock',
      word: isShrinking ? 'Catching up' : 'Falling behind',
      sentence: `The oldest job has waited for about ${duration(last?.oldest_ms)}.${backlog}`,
    };
  }
  if (health.redis && (!health.redis.ok || health.redis.reason))
    return {
      tone: 'warn',
      icon: 'warn',
      word: 'Works without Redis',
      sentence: `${health.redis.reason ?? 'Redis does not answer.'} Writes are shown once they are applied.`,
    };
  return {
    tone: 'good',
    icon: 'check',
    word: 'Keeping up',
    sentence: `Writes are accepted and applied.${backlog}`,
  };
};
