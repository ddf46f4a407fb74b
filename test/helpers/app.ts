import { buildApp } from '../../api/app.ts';
import { loadConfig } from '../../config.ts';
import { createLog } from '../../log.ts';
import { untilDeclared } from './queues.ts';
import type { Teardown } from './teardown.ts';
import { until } from './until.ts';

type App = Awaited<ReturnType<typeof buildApp>>;

/** Builds the application as the server does; closed when the test ends. */
export const startApp = async (t: Teardown, env: NodeJS.ProcessEnv): Promise<App> => {
  const app = await buildApp(loadConfig(env), createLog('silent', 'test'));
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
