import { loadConfig } from '../../process/config.ts';
import { connectOnce } from '../../queue/connection.ts';
import { DELAYS_MS, deadQueue, isThere, retryQueue } from '../../queue/topology.ts';
import { until } from '../../testbed/until.ts';

/** Waits until all queues of the service that `env` names are declared: that is done beside its work. */
export const untilDeclared = async (env: NodeJS.ProcessEnv): Promise<void> => {
  const { rabbitmq } = loadConfig(env);
  const { queue } = rabbitmq;
  const model = await connectOnce(rabbitmq, 'test');
  try {
    for (const name of [queue, deadQueue(queue), ...DELAYS_MS.map((ms) => retryQueue(queue, ms))])
      await until(`${name} is declared`, () => isThere(model, name));
  } finally {
    await model.close();
  }
};
