/** The picture of the states of a job, with the one in which it is. */
import type { Job } from '../../api/jobs/answers.ts';
import { jobStates } from '../state/job-states.ts';

const WIDTH = 104;
const HEIGHT = 30;
type Named = (typeof jobStates)[number];
/** Where each state is. */
const places: Record<Named, [x: number, y: number]> = {
  queued: [8, 14],
  retrying: [8, 96],
  dead: [8, 178],
  succeeded: [228, 14],
  superseded: [228, 58],
  cancelled: [228, 102],
  discarded: [228, 178],
};
/** The arrows, from where to where in the picture. */
const arrows = [
  'M112 29H224',
  'M112 34C170 34 166 73 224 73',
  'M112 40C160 44 160 117 224 117',
  'M46 44V92',
  'M74 96V48',
  'M60 126V174',
  'M112 193H224',
  'M8 193C-6 193 -6 29 6 29',
];

export const Picture = ({ status }: { status: Job['status'] }) => (
  <svg
    class="picture"
    viewBox="-8 0 348 228"
    role="img"
    aria-label={`The states of a job. This one is: ${status}.`}
  >
    <defs>
      <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
        <path d="M1 1l6 3-6 3" />
      </marker>
    </defs>
    {arrows.map((path) => (
      <path key={path} class="arrow" d={path} marker-end="url(#tip)" />
    ))}
    {jobStates.map((name) => {
      const [x, y] = places[name];
      return (
        <g key={name} class={name === status ? `node ${name} here` : 'node'}>
          <rect x={x} y={y} width={WIDTH} height={HEIGHT} rx="4" />
          <text x={x + WIDTH / 2} y={y + 20} text-anchor="middle">
            {name}
          </text>
        </g>
      );
    })}
    <text class="note" x="82" y="74">
      fails / again
    </text>
    <text class="note" x="68" y="156">
      gives up
    </text>
    <text class="note" x="-4" y="223">
      a replay leads from dead to queued
    </text>
  </svg>
);
