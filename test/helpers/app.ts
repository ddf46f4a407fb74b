import { buildApp } from '../../api/app.ts';
import { loadConfig } from '../../process/config.ts';
import { createLog } from '../../process/log.ts';
import { unobserved } from '../../process/log-events.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';
import { untilDeclared } from './queues.ts';

type App = Awaited<ReturnType<typeof buildApp>>;

/** Builds the application as the server does; closed when the test ends. */
export const startApp = async (t: Teardown, env: NodeJS.ProcessEnv): Promise<App> => {
  const app = await buildApp(loadConfig(env), {
    log: createLog('test', { level: 'silent' }),
    observer: unobserved,
  });
  t.teardown(() => app.close());
  return app;
};

/** The same, once it reaches all of its servers and its queues are declared. */
export const startReadyApp = async (t: Teardown, env: NodeJS.ProcessEnv): Promise<App> => {
  const app = await startApp(t, env);
  await until('the app is ready', async () => {
    const { status } = (await app.inject('/health/ready')).json();
    return status === 'ready';
  });
  await untilDeclared(env);
  return app;
};
