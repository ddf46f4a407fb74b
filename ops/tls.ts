/** Finds out before anything starts whether TLS keeps the service from a server. */
import type { Config } from '../process/config.ts';
import { TlsRefusal } from '../process/tls-refusals.ts';
import type { Backend } from './packages.ts';

/** Connects once, as the service does. The libraries are loaded only where they are needed, as that takes a while. */
const connectors: Record<Backend, (config: Config) => Promise<void>> = {
  mysql: async ({ mysql }) => {
    const { connectOnce } = await import('../db/client.ts');
    (await connectOnce(mysql)).destroy();
  },
  redis: async ({ redis }) => {
    const { reachRedis } = await import('../cache/reach.ts');
    await reachRedis(redis);
  },
  rabbitmq: async ({ rabbitmq }) => {
    const { onConnection } = await import('../queue/connection.ts');
    await onConnection(rabbitmq, 'start', async () => {});
  },
};

const refusalIn = (error: unknown): TlsRefusal | undefined => {
  if (error instanceof TlsRefusal) return error;
  return error instanceof Error ? refusalIn(error.cause) : undefined;
};

/**
 * Connects to a server. What else than TLS keeps us from it is not looked at here.
 * @throws TlsRefusal with one sentence if TLS is refused, or is spoken by only one side
 */
export const requireAcceptedTls = async (backend: Backend, config: Config): Promise<void> => {
  const error = await connectors[backend](config).catch((failure: unknown) => failure);
  const refusal = refusalIn(error);
  if (refusal) throw refusal;
};
