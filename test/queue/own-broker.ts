import { freePort } from '../../ops/ports.ts';
import { startRabbitmq, stopServer } from '../../ops/private-servers.ts';
import { evaluate } from '../../testbed/rabbitmqctl.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import type { Teardown } from '../../testbed/teardown.ts';

/** Starts a broker that nobody else uses, whose user `orders` may do anything. Tests undo what they change of it. */
export const startOwnBroker = async (t: Teardown) => {
  const folder = scratchFolder(t, stopServer);
  const port = await freePort();
  const { pid } = await startRabbitmq({ folder, port, user: 'orders', password: 'orders' });
  return { port, pid, evaluate: (expressions: string) => evaluate(folder, expressions) };
};
export type OwnBroker = Awaited<ReturnType<typeof startOwnBroker>>;
