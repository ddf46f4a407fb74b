import { testShortForms } from './short.ts';

// Each start of a node costs seconds of CPU: numbers 40, 41 and 43 run in `npm run test:faults` only.
testShortForms([42]);
