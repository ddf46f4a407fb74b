/** /console in a real browser: each page, by keyboard, in both themes, on a narrow screen, and while servers are away. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { freePort } from '../../ops/ports.ts';
import { until } from '../../testbed/until.ts';
import { startProxy, type TcpProxy } from '../faults/engine/proxy.ts';
import { openBrowser } from '../helpers/browser.ts';
import { skippedWithout, whenInstalled } from '../helpers/client-programs.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { create } from '../helpers/letters.ts';
import { startProcess, startService } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const project = join(import.meta.dirname, '../..');
const MOST_BYTES = 60 * 1024;
const WITHIN_MS = 60_000;
const WIDE = { viewport: { width: 1280, height: 860 }, colorScheme: 'light' } as const;
const NARROW = { viewport: { width: 360, height: 740 }, colorScheme: 'dark' } as const;
const NOWHERE = '00000000-0000-7000-8000-000000000001';
/** Its number is beyond 2^53: what parses the body as JSON shows another one. */
const STRANGE = '{"type": "create_order", "quantity": 12345678901234567890}';

t.test('the page is small', async (t) => {
  const files = ['index.html', 'console.js', 'console.css'];
  const bytes = files.map((file) => gzipSync(readFileSync(join(project, 'dist/console', file))).length);
  const all = bytes.reduce((sum, one) => sum + one);
  t.ok(all <= MOST_BYTES, `${all} bytes`);
});

const axe = readFileSync(createRequire(join(project, 'package.json')).resolve('axe-core/axe.min.js'), 'utf8');
/** What axe finds wrong with a page. */
const wrongWith = async (page: Page): Promise<string[]> => {
  await page.evaluate(axe);
  return page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`);
};
/** What a person would call what has the focus. */
const FOCUSED = `(({ innerText, labels, ariaLabel }) =>
  String(ariaLabel ?? labels?.[0]?.innerText ?? innerText ?? ''))(document.activeElement)`;

/** Opens the console and signs in. Whatever the browser complains of is a failure, but for answers that are errors. */
const open = async (t: Test, browser: Browser, url: string, password: string, how: BrowserContextOptions) => {
  const context = await browser.newContext(how);
  const page = await context.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  page.on('pageerror', (error) => t.fail(error.message));
  page.on('console', (message) => {
    if (!/^Failed to load resource|net::ERR_/.test(message.text())) t.fail(message.text());
  });
  const go = async (hash: string, heading: string): Promise<void> => {
    await page.goto(`${url}/console#/${hash}`);
    await page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor();
  };
  await page.goto(`${url}/console`);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  return { page, go };
};

const pages: [hash: string, heading: string][] = [
  ['', 'Overview'],
  ['?view=table', 'Overview'],
  ['orders', 'Orders'],
  [`orders/${NOWHERE}`, 'Order'],
  ['new', 'New order'],
  ['jobs', 'Jobs'],
  ['dead', 'Dead letters'],
  ['data', 'Data'],
  ['settings', 'Settings'],
];

await whenInstalled();
t.test('the console', { skip: skippedWithout('chromium') }, async (t) => {
  const whole = t;
  const real = await isolatedEnvironment({
    PORT: String(await freePort()),
    ADMIN_PASSWORD: 'sesame',
    CONSOLE_READ_PASSWORD: 'look',
    API_WORKERS: '1',
    MAX_ATTEMPTS: '1',
    SIMULATED_WRITE_LAG: '0.2',
  });
  const proxied = async (port: string | undefined): Promise<{ proxy: TcpProxy; port: number }> => {
    const proxy = await startProxy(Number(port));
    t.teardown(() => proxy.close());
    return { proxy, port: Number(port) };
  };
  const redis = new URL(String(real.REDIS_URL));
  const servers = {
    MySQL: await proxied(real.DB_PORT),
    Redis: await proxied(redis.port),
    RabbitMQ: await proxied(real.RABBITMQ_PORT),
  };
  redis.port = String(servers.Redis.proxy.port);
  const env: NodeJS.ProcessEnv = {
    ...real,
    DB_PORT: String(servers.MySQL.proxy.port),
    REDIS_URL: redis.href,
    RABBITMQ_PORT: String(servers.RabbitMQ.proxy.port),
  };
  await startService(t, env, { consumers: 0 });
  const stores = await openStores(t, real);
  const dead = `${stores.queue}.dead`;
  const url = `http://127.0.0.1:${env.PORT}`;
  const browser = await openBrowser(t);

  await t.test('a wrong password, and a right one', async (t) => {
    const { page } = await open(t, browser, url, 'simsim', NARROW);
    await page.getByRole('alert').filter({ hasText: 'This is not the password.' }).waitFor();
    t.strictSame(await wrongWith(page), []);
    await page.keyboard.type('sesame');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Password').waitFor();
    await page.close();
  });

  const { page, go } = await open(t, browser, url, 'sesame', WIDE);
  const row = (text: string | RegExp) => page.getByRole('row').filter({ hasText: text });
  const button = (name: string | RegExp) => page.getByRole('button', { name });
  const text = (one: string | RegExp) => page.getByText(one).first().waitFor();
  /** Presses Tab until what has the focus has this name. */
  const tabTo = async (name: string): Promise<void> => {
    for (let times = 0; times < 60; times++) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate<string>(FOCUSED)).trim().startsWith(name)) return;
    }
    throw new Error(`No Tab leads to ${name}.`);
  };

  await t.test('a write by keyboard, from queued to applied', async (t) => {
    await go('orders', 'Orders');
    await text('There are no orders in MySQL yet.');
    await tabTo('New order');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'New order' }).waitFor();
    await tabTo('Customer');
    await page.keyboard.type('Ada <b>Lovelace</b>');
    await tabTo('Item');
    await page.keyboard.type('Tea');
    await tabTo('Create the order');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Order of Ada <b>Lovelace</b>' }).waitFor();
    await row(/create.*queued/).waitFor();
    startProcess(whole, 'hub', env);
    startProcess(whole, 'consumer', env);
    await row(/create.*succeeded/).waitFor();

    await tabTo('New status');
    await page.keyboard.type('shipped');
    await page.keyboard.press('Enter');
    await row(/update status.*succeeded/).waitFor();
    await tabTo('Delete');
    await page.keyboard.press('Enter');
    const question = page.getByRole('dialog', { name: 'Delete this order?' });
    await question.waitFor();
    t.strictSame(await wrongWith(page), []);
    await page.keyboard.press('Escape');
    await question.waitFor({ state: 'detached' });
    t.equal(await row('delete').count(), 0, 'Esc is no');
    await page.keyboard.press('Enter');
    await question.waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await row(/delete.*succeeded/).waitFor();
    await text('This order is deleted.');
    t.equal(await row('succeeded').count(), 3);
  });
  await t.test('dead letters, one replayed and one discarded', async (t) => {
    const letter = create('01a1fc79-708d-709e-9c18-29dbdfffe8dd', Date.now() * 1_000 - 1_700_000_000_000_000);
    const headers = { 'x-reason': 'crashed', 'x-error': 'It was <i>too</i> much.', 'x-attempts': 1 };
    stores.channel.sendToQueue(dead, Buffer.from(JSON.stringify(letter)), { persistent: true, headers });
    stores.channel.sendToQueue(dead, Buffer.from(STRANGE), { persistent: true });
    await stores.channel.waitForConfirms();
    await go('dead', 'Dead letters');
    await row('crashed').waitFor();
    await page.locator('summary').filter({ hasText: 'no id' }).click();
    const bytes = page.getByLabel(/^Body of sha256/);
    await bytes.waitFor();
    t.equal(await bytes.inputValue(), STRANGE);
    await page.keyboard.press('Tab');
    t.match(await page.evaluate(FOCUSED), /^Body of sha256/, 'the keyboard can scroll it');
    t.strictSame(await wrongWith(page), []);

    await page.getByRole('checkbox', { name: 'All with crashed' }).focus();
    await page.keyboard.press('Space');
    await text('1 letter chosen');
    await button('Replay…').click();
    // The call is lost as the page is loaded anew, and made again after that.
    await page.route('**/dead-letters/replay', () => {}, { times: 1 });
    await button('Replay 1 letter').click();
    await text('Replaying 1 dead letter: 0 done');
    await page.reload();
    await text('Replayed 1 of 1 dead letter.');
    await row('crashed').waitFor({ state: 'detached' });

    await page.getByRole('checkbox', { name: /^Choose sha256/ }).check();
    await button('Discard…').click();
    t.equal(await page.evaluate('document.activeElement.innerText'), 'Cancel');
    await button('Discard 1 letter').click();
    await text('There are no dead letters');
    await until('it is gone', async () => (await stores.waiting(dead)) === 0, WITHIN_MS);
    await go(`jobs/${letter.job_id}`, 'Job');
    await text('MySQL has the write.');
    t.strictSame(await wrongWith(page), []);
  });

  await t.test('fake orders, pages, filters, and where one was', async (t) => {
    await go('data', 'Data');
    await page.getByLabel('How many').fill('120');
    await button('Make them').click();
    await text('Seeded 120 fake orders.');
    await go('orders', 'Orders');
    await text('121 orders in all');
    await button('Next page').click();
    await button('First page').waitFor();
    await until('the page is there', async () => (await row(/./).count()) === 51, WITHIN_MS);
    const before = await row(/./).nth(1).allTextContents();
    await page.evaluate('scrollTo(0, 700)');
    await until('the place is remembered', () =>
      page.evaluate<boolean>(`/,700]/.test(sessionStorage.getItem('console.scrolls') ?? '')`),
    );
    await page.reload();
    await until('it is there again', () => page.evaluate<boolean>('Math.abs(scrollY - 700) < 40'), WITHIN_MS);
    t.strictSame(await row(/./).nth(1).allTextContents(), before, 'the same page');
    await page.getByLabel('Customer begins with').fill('No such customer');
    await page.keyboard.press('Enter');
    await text('No order in MySQL matches.');
    await page.locator('h1').focus();
    await page.keyboard.press('/');
    await page.keyboard.type(`${NOWHERE}\n`);
    await text(`There is no order ${NOWHERE}.`);
  });

  await t.test('each page in both themes, wide and narrow', async (t) => {
    const narrow = await open(t, browser, url, 'sesame', NARROW);
    for (const one of [{ page, go }, narrow])
      for (const [hash, heading] of pages) {
        await one.go(hash, heading);
        await one.page.locator('.loading').waitFor({ state: 'detached' });
        t.strictSame(await wrongWith(one.page), [], `${heading}: axe`);
        const beyond = await one.page.evaluate('document.documentElement.scrollWidth - innerWidth');
        t.ok(Number(beyond) <= 0, `${heading} is as wide as the screen`);
      }
    await narrow.page.close();
  });

  await t.test('who may only look', async (t) => {
    const reader = await open(t, browser, url, 'look', WIDE);
    await reader.page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await reader.go('settings', 'Settings');
    await reader.page
      .getByRole('row')
      .filter({ hasText: 'MAX_ATTEMPTS' })
      .filter({ hasText: 'yes' })
      .waitFor();
    t.notMatch(await reader.page.content(), /sesame/);
    await reader.go('data', 'Data');
    await reader.page.getByText('This session may only look').waitFor();
    await reader.go('orders', 'Orders');
    t.equal(await reader.page.getByText('New order').count(), 0);
    const call = `fetch('console/api/admin/seed', { method: 'POST', body: '{"count":1}' })`;
    t.equal(await reader.page.evaluate(`${call}.then(({ status }) => status)`), 403);
    t.equal(await reader.page.evaluate('document.cookie'), '');
    await reader.page.close();
  });

  const closed = await freePort();
  const outages = [
    ['MySQL', 'Applying has stopped', 'jobs', 'Jobs'],
    ['Redis', 'Works without Redis', 'jobs?state=queued', 'Jobs'],
    ['RabbitMQ', 'Refusing writes', 'dead', 'Dead letters'],
  ] as const;
  for (const [server, words, hash, heading] of outages)
    await t.test(`${server} is away, and comes back`, async (t) => {
      const { proxy, port } = servers[server];
      await go('', 'Overview');
      await text('Keeping up');
      proxy.leadTo(closed);
      proxy.cut();
      await text(words);
      await row(server).filter({ hasText: 'away' }).waitFor();
      t.strictSame(await wrongWith(page), []);
      await go(hash, heading);
      await page.getByRole('alert').filter({ hasText: 'Trying again' }).first().waitFor();
      proxy.leadTo(port);
      proxy.cut();
      await page.getByRole('alert').first().waitFor({ state: 'detached' });
      await go('', 'Overview');
      await text('Keeping up');
    });

  await t.test('the reset', async (t) => {
    await go('data', 'Data');
    await button('Remove all orders…').click();
    t.equal(await page.getByRole('dialog').getByRole('button', { name: 'Remove all' }).isEnabled(), false);
    await page.keyboard.type('reset\n');
    await text('All orders have been removed.');
    await go('orders', 'Orders');
    await text('There are no orders in MySQL yet.');
  });
});
