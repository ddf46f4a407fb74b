import { testShortForms } from './short.ts';

testShortForms(9, 10, 11, 12, 13, 25);
