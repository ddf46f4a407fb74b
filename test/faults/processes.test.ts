import { testShortForms } from './short.ts';

testShortForms(1, 2, 3, 4, 19, 24);
