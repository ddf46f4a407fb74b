/** Ids of orders and jobs. */
import t from 'tap';
import { createIds, placed } from '../../domain/ids.ts';
import { keyedIds } from '../../domain/keyed-ids.ts';

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

t.test('ids of orders in a batch ascend with their places', async (t) => {
  const newId = createIds();
  const first = newId();
  const keyed = keyedIds({ key: 'a key', fingerprint: 'x' });
  for (const [version, idAt] of [
    [7, (place: number) => placed(first, place, newId())],
    [8, (place: number) => keyed(place).order_id],
  ] as const) {
    const ids = Array.from({ length: 4_096 }, (_, place) => idAt(place));
    t.strictSame(ids.toSorted(), ids);
    const uuid = new RegExp(`^[0-9a-f]{8}-[0-9a-f]{4}-${version}[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`);
    t.strictSame(
      ids.filter((id) => !uuid.test(id)),
      [],
    );
    t.equal(new Set(ids.map((id) => id.slice(19))).size, ids.length, 'one does not tell the others');
  }
  const jobs = Array.from({ length: 100 }, (_, place) => keyed(place).job_id);
  t.equal(new Set(jobs).size, jobs.length);
  t.strictSame(keyedIds({ key: 'a key', fingerprint: 'x' })(7), keyed(7));
});
