import { processScenarios } from './scenarios/processes.ts';
import { testShortForms } from './short.ts';

testShortForms(processScenarios);
