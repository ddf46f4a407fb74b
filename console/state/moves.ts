/**
 * Replaying or discarding many dead letters. What was chosen is fixed when it is confirmed: letters that arrive meanwhile
 * are not touched. It goes in pieces, and after each piece what is left is noted in this tab, so that a reload goes on
 * where it was. Nothing goes on without the tab: what is left then simply stays where it is.
 */
import { signal } from '@preact/signals';
import { call, Failure, LONG_MS } from './calls.ts';
import type { InTurn } from './turns.ts';

/** How many letters are moved by one call: the server looks through all dead letters for them. */
const TOGETHER = 200;
const AGAIN_MS = 3_000;
/**
 * Letters that somebody looks at are away for that moment, and so are those that the page looked at that was here before
 * a reload: so what was not found is looked for once more.
 */
const LOOK_AGAIN_MS = 2_000;
const MOVE = 'console.move';

export type Action = 'replay' | 'discard';

export interface Move {
  action: Action;
  total: number;
  /** The letters that are still to be moved, by their letter_id. */
  left: string[];
  /** How many the server has moved. */
  moved: number;
  /** Why it does not go on at the moment. */
  problem: string | undefined;
  state: 'running' | 'stopped' | 'done';
}

const kept = (): Move | undefined => {
  try {
    const move: Move | null = JSON.parse(sessionStorage.getItem(MOVE) ?? 'null');
    return move ?? undefined;
  } catch {
    return undefined;
  }
};

/** @param changed is called when letters have moved @param inTurn with whatever else looks at the letters */
export const createMoves = (inTurn: InTurn, changed: () => void) => {
  const move = signal<Move | undefined>(kept());
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;

  const put = (next: Move | undefined): void => {
    move.value = next;
    if (next === undefined) sessionStorage.removeItem(MOVE);
    else sessionStorage.setItem(MOVE, JSON.stringify(next));
  };

  const step = async (at: Move): Promise<void> => {
    const piece = at.left.slice(0, TOGETHER);
    const path = `console/api/admin/dead-letters/${at.action}`;
    const send = async (): Promise<number> => {
      const options = { method: 'POST', body: { job_ids: piece }, withinMs: LONG_MS } as const;
      const answer = await inTurn(() => call<{ replayed?: number; discarded?: number }>(path, options));
      return answer.replayed ?? answer.discarded ?? 0;
    };
    let count = await send();
    if (count < piece.length) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      count += await send();
    }
    const now = move.peek();
    if (now === undefined) return;
    const left = now.left.slice(piece.length);
    const moved = now.moved + count;
    const state = left.length === 0 ? 'done' : now.state;
    put({ ...now, left, moved, state, problem: undefined });
  };

  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    clearTimeout(timer);
    try {
      for (let at = move.peek(); at?.state === 'running'; at = move.peek()) await step(at);
    } catch (error) {
      const now = move.peek();
      const isAway = error instanceof Failure && error.kind === 'away';
      const problem = error instanceof Error ? error.message : String(error);
      if (now) put({ ...now, problem, state: isAway ? now.state : 'stopped' });
      if (isAway) timer = setTimeout(run, AGAIN_MS);
    } finally {
      running = false;
      changed();
    }
  };

  return {
    move,
    /** Goes on with what was left when the page was loaded anew. */
    resume: (): void => {
      if (move.peek()?.state === 'running') void run();
    },
    /** @param letters their letter_ids @param total how many letters these are */
    start: (action: Action, letters: string[], total: number): void => {
      put({ action, total, left: letters, moved: 0, problem: undefined, state: 'running' });
      void run();
    },
    /** Stops after the piece that is under way. */
    stop: (): void => {
      const now = move.peek();
      clearTimeout(timer);
      if (now) put({ ...now, state: 'stopped' });
    },
    goOn: (): void => {
      const now = move.peek();
      if (now) put({ ...now, state: 'running', problem: undefined });
      void run();
    },
    dismiss: (): void => put(undefined),
  };
};
export type Moves = ReturnType<typeof createMoves>;
