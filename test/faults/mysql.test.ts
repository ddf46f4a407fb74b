import { testShortForms } from './short.ts';

testShortForms([37, 38, 39], { sharesBroker: true });
