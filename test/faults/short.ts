/** The short form of scenarios, for `npm test`. */
import t from 'tap';
import { runScenario, type Scenario } from './scenario.ts';

const ACCEPTED = 300;
const SEED = 1;

/** One test a scenario: nothing lost, nothing twice, nothing out of order, and what else it promises. */
export const testShortForms = (scenarios: Scenario[]): void => {
  t.setTimeout(600_000);
  for (const scenario of scenarios)
    t.test(`${scenario.number}. ${scenario.title}`, async (t) => {
      const { problems } = await runScenario(scenario, {
        accepted: ACCEPTED,
        full: false,
        seed: SEED,
        hours: 0,
      });
      t.strictSame(problems, []);
    });
};
