/** /docs in a real browser: complete, without a complaint of the browser, and behind a proxy that adds a path. */
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium } from 'playwright-core';
import t, { type Test } from 'tap';
import { errorCodes } from '../../api/http/error-codes.ts';
import { freePort } from '../../ops/ports.ts';
import { clientProgram, skippedWithout, whenInstalled } from '../helpers/client-programs.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startService } from '../helpers/processes.ts';

const PREFIX = '/behind/a/proxy';

/** Serves the API under a prefix. @returns its URL */
const serveUnderPrefix = async (t: Test, port: number): Promise<string> => {
  const proxy = createServer((asked, answer) => {
    const path = asked.url?.startsWith(`${PREFIX}/`) ? asked.url.slice(PREFIX.length) : '/nowhere';
    request({ port, path, headers: asked.headers }, (found) => {
      answer.writeHead(found.statusCode ?? 500, found.headers);
      found.pipe(answer);
    }).end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.teardown(() => proxy.close());
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${PREFIX}`;
};

await whenInstalled();
t.test('the page', { skip: skippedWithout('chromium') }, async (t) => {
  const port = await freePort();
  await startService(t, await isolatedEnvironment({ PORT: String(port) }), { consumers: 0 });
  const url = await serveUnderPrefix(t, port);
  const browser = await chromium.launch({
    executablePath: clientProgram('chromium'),
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));

  await page.goto(`${url}/docs#error-order_not_found`);
  const article = page.locator('article');
  await article.first().waitFor();
  const ids = await page.locator('[id]').evaluateAll((elements) => elements.map(({ id }) => id));
  t.equal(new Set(ids).size, ids.length, 'no id twice');
  const documents = ['openapi', 'asyncapi'].map((name) =>
    JSON.parse(readFileSync(new URL(`../../docs/${name}.json`, import.meta.url), 'utf8')),
  );
  const operations = documents[0].paths;
  for (const item of Object.values<Record<string, { operationId: string }>>(operations))
    for (const { operationId } of Object.values(item)) t.ok(ids.includes(operationId), operationId);
  for (const code of Object.keys(errorCodes)) t.ok(ids.includes(`error-${code}`), code);
  for (const name of Object.keys(documents[1].components.messages))
    t.ok(ids.includes(`message-${name}`), name);
  const targets = await page
    .locator('a[href^="#"]')
    .evaluateAll((links) => links.map((link) => String(link.getAttribute('href')).slice(1)));
  t.strictSame(
    targets.filter((target) => !ids.includes(target)),
    [],
    'every link leads somewhere',
  );
  t.equal(await page.locator(':target').getAttribute('id'), 'error-order_not_found');
  t.ok(await page.locator(':target').isVisible());
  t.notMatch(await page.locator('main').innerText(), /undefined|\[object|NaN/);
  t.strictSame(complaints, []);
});
