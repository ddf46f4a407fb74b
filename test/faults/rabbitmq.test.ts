import { rabbitmqScenarios } from './scenarios/rabbitmq.ts';
import { testShortForms } from './short.ts';

testShortForms(rabbitmqScenarios);
