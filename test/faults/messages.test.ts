import { messageScenarios } from './scenarios/messages.ts';
import { testShortForms } from './short.ts';

testShortForms(messageScenarios);
