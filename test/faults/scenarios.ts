import type { Scenario } from './scenario.ts';
import { keyScenarios } from './scenarios/keys.ts';
import { messageScenarios } from './scenarios/messages.ts';
import { processScenarios } from './scenarios/processes.ts';
import { randomScenarios } from './scenarios/random.ts';
import { scriptScenarios } from './scenarios/scripts.ts';
import { serverScenarios } from './scenarios/servers.ts';

/** All of them, by number. */
export const scenarios: Scenario[] = [
  ...processScenarios,
  ...serverScenarios,
  ...messageScenarios,
  ...keyScenarios,
  ...scriptScenarios,
  ...randomScenarios,
].sort((a, b) => a.number - b.number);
