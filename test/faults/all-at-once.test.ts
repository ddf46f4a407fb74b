import { testShortForms } from './short.ts';

testShortForms(14, 18, 23);
