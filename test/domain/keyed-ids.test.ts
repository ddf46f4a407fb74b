/** Ids that follow from an Idempotency-Key. */
import t from 'tap';
import { idsOf, posted } from '../helpers/keyed.ts';

const UUIDV8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

t.test(
  'the ids that follow are UUIDs of version 8, different ones for each key, request and use',
  async (t) => {
    const ids = new Set<string>();
    for (let i = 0; i < 50; i++)
      for (const name of ['Ada', 'Bob'])
        for (const id of Object.values(idsOf(`key ${i}`, posted(name)))) ids.add(id);
    t.strictSame(
      [...ids].filter((id) => !UUIDV8.test(id)),
      [],
    );
    t.equal(ids.size, 200);
    t.strictSame(idsOf('key 7'), idsOf('key 7'));
  },
);
