import { rabbitmqScenarios } from './scenarios/rabbitmq.ts';
import { serverScenarios } from './scenarios/servers.ts';
import { testShortForms } from './short.ts';

testShortForms(serverScenarios.filter((scenario) => !rabbitmqScenarios.includes(scenario)));
