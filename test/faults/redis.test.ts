import { testShortForms } from './short.ts';

testShortForms(27, 28);
