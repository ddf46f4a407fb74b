import type { Scenario } from './engine/scenario.ts';
import { clockScenarios } from './scenarios/clocks.ts';
import { hubScenarios } from './scenarios/hubs.ts';
import { keyScenarios } from './scenarios/keys.ts';
import { messageScenarios } from './scenarios/messages.ts';
import { processScenarios } from './scenarios/processes.ts';
import { randomScenarios } from './scenarios/random.ts';
import { readerScenarios } from './scenarios/readers.ts';
import { resetScenarios } from './scenarios/resets.ts';
import { scriptScenarios } from './scenarios/scripts.ts';
import { serverScenarios } from './scenarios/servers.ts';

/** All of them, by number. */
export const scenarios: Scenario[] = [
  ...clockScenarios,
  ...resetScenarios,
  ...processScenarios,
  ...serverScenarios,
  ...messageScenarios,
  ...keyScenarios,
  ...hubScenarios,
  ...readerScenarios,
  ...scriptScenarios,
  ...randomScenarios,
].sort((a, b) => a.number - b.number);
