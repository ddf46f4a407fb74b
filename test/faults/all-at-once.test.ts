import { randomScenarios } from './scenarios/random.ts';
import { scriptScenarios } from './scenarios/scripts.ts';
import { testShortForms } from './short.ts';

testShortForms([...scriptScenarios, ...randomScenarios]);
