/** The running API, as an admin on this machine calls it. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { membersOf } from '../domain/jobs.ts';
import type { Config } from '../process/config.ts';
import { CommandError } from './command.ts';
import { urlOf } from './readiness.ts';

const parsed = (body: string): Record<string, unknown> => {
  try {
    return membersOf(JSON.parse(body));
  } catch {
    return {};
  }
};

/**
 * @returns how to call it; each call waits for its answer as long as that takes
 * @throws CommandError where there is no ADMIN_PASSWORD
 */
export const adminApi = ({ api }: Pick<Config, 'api'>) => {
  const { adminPassword: password } = api;
  const url = urlOf(api);
  if (!password)
    throw new CommandError(
      'ADMIN_PASSWORD is not set: set it to the password that the API was started with, in .env or the environment.',
    );

  /** @throws CommandError where it does not answer, or not with what was asked for */
  const call = async (method: 'GET' | 'POST', path: string, body?: object) => {
    const asked = request(`${url}${path}`, {
      method,
      agent: false,
      headers: body && { 'content-type': 'application/json' },
    });
    asked.end(body && JSON.stringify(body));
    let status: number | undefined;
    let answer: Record<string, unknown>;
    try {
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      status = response.statusCode ?? 0;
      answer = parsed(await text(response));
    } catch (error) {
      const reason = error instanceof Error && 'code' in error ? error.code : error;
      throw new CommandError(
        status === undefined && reason === 'ECONNREFUSED'
          ? `The API does not answer at ${url}: start it with ./start_services.sh or npm start.`
          : `The API at ${url} did not answer to ${method} ${path} (${reason}).`,
      );
    }
    if (status < 300) return answer;
    if (status === 401)
      throw new CommandError(`The API at ${url} was started with another ADMIN_PASSWORD than this one.`);
    throw new CommandError(
      typeof answer.error === 'string' ? answer.error : `What answers at ${url} is not Orders.`,
    );
  };

  return {
    url,

    /** How many orders MySQL has. */
    count: async (): Promise<number> => {
      const { total_orders } = await call('GET', '/orders?limit=1');
      if (typeof total_orders === 'number') return total_orders;
      throw new CommandError(`What answers at ${url} is not Orders.`);
    },
    seed: async (count: number): Promise<void> => {
      await call('POST', '/admin/seed', { count, password });
    },
    reset: async (): Promise<void> => {
      await call('POST', '/admin/reset', { password });
    },
  };
};
