import { testShortForms } from './short.ts';

testShortForms(5, 6, 7, 8, 9, 10, 11, 12, 13, 25, 27, 28, 34, 35, 36);
