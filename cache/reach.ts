/** One connection to Redis, made to see whether one can be made. */
import type { Config } from '../process/config.ts';
import { explainUnreached } from '../process/tls-probe.ts';
import { COMMAND_TIMEOUT_MS, connect, isRefusal } from './redis.ts';

/**
 * Connects to Redis and asks it something. It may refuse that.
 * @throws TlsRefusal if TLS is refused, otherwise whatever keeps us from an answer
 */
export const reachRedis = async (config: Config['redis']): Promise<void> => {
  const redis = connect(config, COMMAND_TIMEOUT_MS);
  const { host, port, tls } = config;
  try {
    await new Promise((resolve, reject) => {
      redis.on('error', reject);
      redis.on('close', () => reject(new Error('the connection closed')));
      // If its connection is lost, the events above have said why.
      redis.on('ready', () => redis.ping().then(resolve, reject));
    });
  } catch (error) {
    if (isRefusal(error)) return;
    throw await explainUnreached(error, { prefix: 'REDIS', host, port, tls });
  } finally {
    redis.disconnect();
  }
};
