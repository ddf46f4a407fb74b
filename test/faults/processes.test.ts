import { testShortForms } from './short.ts';

testShortForms([1, 2, 3, 4, 14, 18, 19, 23, 24], { node: '24' });
