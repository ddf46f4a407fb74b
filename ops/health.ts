/**
 * `node dist/ops/health.js [live|ready]`: the health check of a container, which needs neither a shell nor curl. It asks
 * whichever process of the service runs here: the API on its port, a consumer or the hub on METRICS_PORT. Ends with 0 if
 * that is live (or ready), otherwise with 1.
 */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { ConfigError, environment, loadConfig, urlOf } from '../process/config.ts';

const TIMEOUT_MS = 3_000;

/** @returns the status and the body of the answer, or nothing if there is none */
const ask = async (url: string): Promise<{ status: number | undefined; body: string } | undefined> => {
  try {
    const [response] = (await once(get(url, { timeout: TIMEOUT_MS, agent: false }), 'response', {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })) as [IncomingMessage];
    return { status: response.statusCode, body: await text(response) };
  } catch {
    return undefined;
  }
};

try {
  const [what = 'live', ...rest] = process.argv.slice(2);
  if (!['live', 'ready'].includes(what) || rest.length > 0)
    throw new ConfigError(`The health check takes live or ready, got: ${process.argv.slice(2).join(' ')}.`);
  const { api, metrics } = loadConfig(environment());
  const urls = [api, ...(metrics ? [metrics] : [])].map((place) => `${urlOf(place)}/health/${what}`);
  const answers = await Promise.all(urls.map(ask));
  const answer = answers.find((one) => one !== undefined);
  console.log(answer?.body ?? `Nothing answers at ${urls.join(' or ')}.`);
  process.exit(answer?.status === 200 ? 0 : 1);
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
}
