import { connect } from 'amqplib';
import { loadConfig } from '../../process/config.ts';
import { DELAYS_MS, deadQueue, isThere, retryQueue } from '../../queue/topology.ts';
import { until } from '../../testbed/until.ts';

/** Waits until all queues of the service that `env` names are declared: that is done beside its work. */
export const untilDeclared = async (env: NodeJS.ProcessEnv): Promise<void> => {
  const { queue, publishTimeoutMs: _, ...server } = loadConfig(env).rabbitmq;
  const model = await connect(server);
  try {
    for (const name of [queue, deadQueue(queue), ...DELAYS_MS.map((ms) => retryQueue(queue, ms))])
      await until(`${name} is declared`, () => isThere(model, name));
  } finally {
    await model.close();
  }
};
