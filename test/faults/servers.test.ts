import { testShortForms } from './short.ts';

testShortForms([5, 6, 7, 8, 11, 12, 13, 25]);
