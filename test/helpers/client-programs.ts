/** Programs of clients that tests run against the service: a browser, a load generator, and Prometheus's own checks. */
import { existsSync } from 'node:fs';
import { canInstall, findProgram, installPackages, systemIds } from '../../ops/packages.ts';
import { until } from '../../testbed/until.ts';

const INSTALLED_WITHIN_MS = 300_000;

const programs = {
  chromium: { names: ['chromium', 'google-chrome-stable', 'google-chrome'], debian: 'chromium' },
  locust: { names: ['locust'], debian: 'python3-locust' },
  promtool: { names: ['promtool'], debian: 'prometheus' },
};
type Client = keyof typeof programs;

/** The path of a client's program, or undefined if it is not installed. */
export const clientProgram = (client: Client): string | undefined => findProgram(...programs[client].names);

/** Resolves once the clients are installed, or could not be: that goes on while other tests run (test/run.ts). */
export const whenInstalled = async (): Promise<void> => {
  const { TEST_CLIENTS: file } = process.env;
  if (file) await until('the clients of tests are installed', () => existsSync(file), INSTALLED_WITHIN_MS);
};

/** For tap's option `skip`: why tests of a client cannot run here, or false if they can. */
export const skippedWithout = (client: Client): string | false =>
  clientProgram(client) === undefined && `${client} is not installed`;

/** Locust is used where it is there: to install it takes longer than its test. */
const installed: Client[] = ['chromium', 'promtool'];

/**
 * Installs those that are missing, on Debian as root. Elsewhere, where the packages have other names or none
 * (Ubuntu's chromium is a snap, which needs a system that runs snapd), their tests are skipped.
 * @param say told in one line what is about to be installed, or what is missing
 * @throws Error with apt-get's own output
 */
export const ensureClients = (say: (line: string) => void): void => {
  const missing = installed.filter((client) => clientProgram(client) === undefined);
  if (missing.length === 0) return;
  const ids = systemIds();
  const packages = missing.map((client) => programs[client].debian);
  if (canInstall(ids) && !ids.includes('ubuntu')) installPackages(packages, say);
  else say(`Not installed: ${missing.join(', ')}. The tests that need them are skipped.`);
};
