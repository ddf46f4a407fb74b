/** Dead letters, over whichever way they are reached. */
import type { DeadLetter } from '../../queue/dead-letters.ts';

export type { DeadLetter };

export interface Letters {
  /**
   * Shows letters, oldest first; they stay where they are.
   * @param offset how many to skip
   * @param limit how many at most
   * @returns how many there are in all
   */
  each(
    { offset, limit }: { offset: number; limit: number },
    show: (letters: DeadLetter[]) => Promise<void>,
  ): Promise<number>;
  /** Puts letters back on the queue: all, or those of these jobs. @returns how many */
  replay(jobIds?: string[]): Promise<number>;
  /** Throws letters away: all, or those of these jobs. @returns how many */
  discard(jobIds?: string[]): Promise<number>;
  close(): Promise<void>;
}
