/** What clients are sent of a job: its state as `GET /jobs/:id` shows it, made once for all who get it. */
import type { JobEvent } from '../../domain/job-events.ts';
import type { Heard } from '../../jobs/listening.ts';
import { eventText } from '../http/sse.ts';
import { type Job, ofEvent } from './answers.ts';

/** What the streams say of themselves. */
export const notices = {
  degraded: eventText('{"message":"Redis tells nothing: events come late, and some may be missing."}', {
    event: 'degraded',
  }),
  recovered: eventText('{"message":"Events come at once again."}', { event: 'recovered' }),
};

/** Tells that history does not reach back. @param link where the client learns what it has missed */
export const gapNotice = (link: string): Buffer => eventText(JSON.stringify({ link }), { event: 'gap' });

/** The id of a job's state in its own stream. It says what the client knows, wherever it learned that. */
export const stateId = ({ status, attempts }: Job): string => `${status}.${attempts ?? 0}`;

/** A state in the job's own stream. */
export const stateFrame = (job: Job): Buffer => eventText(JSON.stringify(job), { id: stateId(job) });

/** Makes the function that turns events into what streams of many jobs send. It makes each event once. */
export const frameMaker = () => {
  const made = new WeakMap<JobEvent, Buffer>();
  const frameOf = ({ event, place }: Heard): Buffer => {
    const known = made.get(event);
    if (known) return known;
    const frame = eventText(JSON.stringify(ofEvent(event)), { id: place });
    made.set(event, frame);
    return frame;
  };
  return (all: Heard[]): Buffer => Buffer.concat(all.map(frameOf));
};
