/** The states of jobs and servers: each with its icon, its word and its colour. */
import type { Job } from '../../api/jobs/answers.ts';
import type { IconName, Tone } from './icon-paths.ts';
import { Icon } from './icons.tsx';

const states: Record<Job['status'], { tone: Tone; icon: IconName; meaning: string }> = {
  queued: { tone: 'wait', icon: 'clock', meaning: 'It waits to be applied.' },
  retrying: { tone: 'warn', icon: 'again', meaning: 'It failed, and is tried again.' },
  succeeded: { tone: 'good', icon: 'check', meaning: 'MySQL has the write.' },
  superseded: { tone: 'idle', icon: 'skip', meaning: 'A newer write to the order was applied before.' },
  dead: { tone: 'bad', icon: 'cross', meaning: 'It is a dead letter: replay or discard it.' },
  discarded: { tone: 'idle', icon: 'bin', meaning: 'An operator discarded it.' },
  cancelled: { tone: 'idle', icon: 'ban', meaning: 'A reset came after the write was accepted.' },
  settled: { tone: 'idle', icon: 'check', meaning: 'It is over, but no longer known how.' },
  unknown: { tone: 'warn', icon: 'help', meaning: 'Nobody can tell at the moment.' },
};

export const meaningOf = (status: Job['status']): string => states[status].meaning;
export const iconOf = (status: Job['status']): IconName => states[status].icon;

export const Mark = ({ tone, icon, children }: { tone: Tone; icon: IconName; children: string }) => (
  <span class={`mark ${tone}`}>
    <Icon name={icon} />
    {children}
  </span>
);

export const State = ({ status }: { status: Job['status'] }) => (
  <Mark tone={states[status].tone} icon={states[status].icon}>
    {status}
  </Mark>
);

const types: Record<string, string> = {
  create_order: 'create',
  update_order_status: 'update status',
  delete_order: 'delete',
};
/** The type of a job in words. */
export const typeOf = (type: string | null): string => (type === null ? 'unknown' : (types[type] ?? type));
