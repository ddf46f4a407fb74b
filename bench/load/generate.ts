/** The load generator's process: runs the tasks that its parent sends, one at a time, and sends back the results. */
import { type LoadTask, runLoad } from './load.ts';

process.on('message', async (task: LoadTask) => {
  process.send?.(await runLoad(task));
});
process.on('disconnect', () => process.exit());
