import { testShortForms } from './short.ts';

testShortForms([15, 16, 17, 20, 21, 22, 26, 29, 30, 31, 32, 33], { sharesBroker: true });
