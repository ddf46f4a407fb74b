/** A real browser, and pages on another origin than the API. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright-core';
import type { Teardown } from '../../testbed/teardown.ts';
import { clientProgram } from './client-programs.ts';

const BROWSER_OPTIONS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Starts the browser; closed when the test ends. */
export const openBrowser = async (t: Teardown): Promise<Browser> => {
  const browser = await chromium.launch({ executablePath: clientProgram('chromium'), args: BROWSER_OPTIONS });
  t.teardown(() => browser.close());
  return browser;
};

/** Serves a page of test/clients on a port of its own, which it returns. */
export const servePage = async (t: Teardown, name: string): Promise<number> => {
  const page = readFileSync(new URL(`../clients/${name}`, import.meta.url));
  const server = createServer((_request, response) =>
    response.setHeader('content-type', 'text/html').end(page),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
};
