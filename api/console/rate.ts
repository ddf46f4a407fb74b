/** How often something happens a second, over the last few seconds: who counts notes his counts in steps. */

const STEPS = 3;

export const createRate = () => {
  let steps: { count: number; ms: number }[] = [];
  return {
    /** @param count how often since the last call @param ms how long that is ago @returns how often a second */
    add: (count: number, ms: number): number => {
      steps = [...steps, { count, ms }].slice(-STEPS);
      const all = steps.reduce((sum, step) => ({ count: sum.count + step.count, ms: sum.ms + step.ms }));
      return Math.round((all.count * 10_000) / Math.max(1, all.ms)) / 10;
    },
    /** What was before is not known. */
    forget: (): void => {
      steps = [];
    },
  };
};
