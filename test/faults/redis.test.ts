import { testShortForms } from './short.ts';

testShortForms([9, 10, 27, 28, 34, 35, 36], { node: '22', sharesBroker: true });
