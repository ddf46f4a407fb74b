/** The short way for most PATCHes (cache/scripts/show-newest.lua) leaves what the long way leaves. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { script } from '../../cache/script.ts';
import { createRandom } from '../faults/engine/random.ts';
import { APPLIED_TTL, anOrder, notesKey, openPending, VERSION, WAITING_TTL } from '../helpers/pending.ts';

const { stores, pending, put, settle, ttls } = await openPending(t);
const longWay = script('show', 'versions', 'patches', 'copy');

const statuses = ['sent', 'a "quoted" one', 'back\\slash', '🦀|,:', 'x'.repeat(20), '"version":"1"'];
/** What is noted first as reserved and applied: nothing, versions, or one that cannot be. */
const noted = ['', `${VERSION + 4}|`, '9000000000000000|', `|${VERSION + 6}`, '|9000000000000000'];
const ROUNDS = 150;
const STEPS = 12;

t.test(`${ROUNDS} orders with random writes`, async (t) => {
  const random = createRandom(20261129);
  let shown = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [short, long] = [randomUUID(), randomUUID()];
    const done: string[] = [];
    const inBoth = async (name: string, work: (id: string) => Promise<unknown>) => {
      done.push(name);
      for (const id of [short, long]) await work(id);
    };
    const show = async (version: number, status: string) => {
      done.push(`show ${version - VERSION} ${status}`);
      shown++;
      await pending.showStatus(short, version, status);
      const args = [
        version,
        JSON.stringify(status),
        '',
        WAITING_TTL,
        APPLIED_TTL,
        Date.now() * 1000 + 1e9,
        '',
      ];
      await longWay(stores.redis, [`temp_order:${long}`, notesKey(long)], ...args);
    };
    const status = () => random.pick(statuses);
    const first = status();
    if (random.chance(0.9))
      await inBoth('put', (id) => put({ ...anOrder(id), status: first }, VERSION, pending, false));
    const before = random.pick(noted);
    if (before) await inBoth(before, (id) => stores.redis.set(notesKey(id), `${before}||||`, 'EX', 120));
    for (let i = 0; i < STEPS; i++) {
      const version = VERSION + random.integer(1, 12);
      const step = random.integer(1, 20);
      if (step <= 14) await show(version, status());
      else if (step <= 16) await inBoth(`settle ${version}`, (id) => settle(id, version, true));
      else if (step <= 19) await inBoth(`give up ${version}`, (id) => pending.giveUp(id, version, false));
      else await inBoth(`delete ${version}`, (id) => pending.showDeleting(id, version));
      const stored = async (id: string) => ({
        order: (await stores.redis.get(`temp_order:${id}`))?.replace(id, ''),
        notes: await stores.redis.get(notesKey(id)),
        ttls: (await ttls(id)).map((seconds) => Math.ceil(seconds / 30)),
      });
      t.strictSame(await stored(short), await stored(long), done.join(', '));
    }
  }
  t.ok(shown > ROUNDS);
});
