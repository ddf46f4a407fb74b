/** What changes or stops a whole broker: one for all of these tests, as its start takes seconds of CPU. */
import t, { type Test } from 'tap';
import { testConsumerTimeout } from './consumer-timeout.ts';
import { testLargeMessages } from './large-messages.ts';
import { testOutages } from './outages.ts';
import { type OwnBroker, startOwnBroker } from './own-broker.ts';
import { testRefusals } from './refusals.ts';

const broker = await startOwnBroker(t);
const tests: Record<string, (t: Test, broker: OwnBroker) => Promise<void>> = {
  refusals: testRefusals,
  'a message that is larger than the broker takes by now': testLargeMessages,
  outages: testOutages,
  'a consumer that holds a job for too long': testConsumerTimeout,
};
for (const [what, test] of Object.entries(tests)) t.test(what, (t) => test(t, broker));
