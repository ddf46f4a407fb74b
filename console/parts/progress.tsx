/** How far the replaying or discarding of dead letters is. */
import { useConsole } from '../state/console.ts';
import type { Move } from '../state/moves.ts';
import { count } from '../state/times.ts';
import { Icon } from './icons.tsx';

const words = { replay: ['Replaying', 'Replayed'], discard: ['Discarding', 'Discarded'] } as const;

const sentenceOf = ({ action, total, moved, left, state }: Move): string => {
  const [going, done] = words[action];
  const letters = `${count(total)} dead ${total === 1 ? 'letter' : 'letters'}`;
  if (state === 'running') return `${going} ${letters}: ${count(moved)} done`;
  const rest = state === 'stopped' ? `, ${count(left.length)} not yet` : '';
  // Somebody else may have moved some of them before, or looks at them at the moment.
  const gone = state === 'done' && moved < total ? `; ${count(total - moved)} could not be found` : '';
  return `${done} ${count(moved)} of ${letters}${rest}${gone}`;
};

export const MoveProgress = () => {
  const { moves } = useConsole();
  const move = moves.move.value;
  if (move === undefined) return null;
  const { state, total, left, problem } = move;
  return (
    <div class={`banner ${state === 'done' ? 'good' : problem ? 'bad' : 'warn'}`} role="status">
      <Icon name={state === 'done' ? 'check' : problem ? 'warn' : 'again'} />
      <span>
        {sentenceOf(move)}. {problem}
      </span>
      {state === 'running' && <progress max={total} value={total - left.length} aria-label="Progress" />}
      <span class="buttons">
        {state === 'running' && (
          <button type="button" onClick={moves.stop}>
            Stop
          </button>
        )}
        {state === 'stopped' && (
          <button type="button" onClick={moves.goOn}>
            Go on
          </button>
        )}
        {state !== 'running' && (
          <button type="button" class="quiet" onClick={moves.dismiss}>
            Dismiss
          </button>
        )}
      </span>
    </div>
  );
};
