/** Ids of orders and jobs. */
import t from 'tap';
import { createIds } from '../../domain/ids.ts';

t.test('UUIDs of version 7: of now, and none twice', async (t) => {
  const makers = [createIds(), createIds()];
  const from = Date.now();
  const ids = Array.from({ length: 300 }, () => makers.map((newId) => newId())).flat();
  const to = Date.now();
  for (const id of ids) {
    t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const at = Number.parseInt(id.slice(0, 13).replace('-', ''), 16);
    t.ok(at >= from && at <= to);
  }
  t.equal(new Set(ids).size, ids.length);
  // What is random of them, without the time.
  t.equal(new Set(ids.map((id) => id.slice(14))).size, ids.length);
});
