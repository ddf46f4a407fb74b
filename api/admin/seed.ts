/** Puts plausible fake orders straight into the database. */

import { v7 as uuidv7 } from 'uuid';
import type { Orm } from '../../db/client.ts';
import { addToCount } from '../../db/counts.ts';
import { insertOrders } from '../../db/orders.ts';
import { runEach } from '../../db/statements.ts';
import type { Order } from '../../domain/order.ts';
import { type Clock, timeOf } from '../../domain/versions.ts';

const ORDERS_PER_CHUNK = 1_000;
const STATUSES = ['received', 'processing', 'shipped', 'delivered', 'cancelled'];

/** Loaded on the first call only: a server that is never seeded need not hold it in memory. */
const loadFaker = async () => (await import('@faker-js/faker/locale/en')).faker;
type Faker = Awaited<ReturnType<typeof loadFaker>>;

const fakeOrder = (faker: Faker): Order => ({
  order_id: uuidv7(),
  customer_name: faker.person.fullName().slice(0, 80),
  status: faker.helpers.arrayElement(STATUSES),
  items: faker.helpers.multiple(
    () => ({
      name: faker.commerce.productName().slice(0, 80),
      quantity: faker.number.int({ min: 1, max: 10 }),
    }),
    { count: { min: 1, max: 4 } },
  ),
});

/**
 * Inserts fake orders, in chunks of 1,000 with one transaction each.
 * @param count how many to insert
 * @param made is called after each chunk with the number of orders inserted so far
 * @throws the database's error; the chunks before it stay
 */
export const seed = async (
  { orm, clock }: { orm: Orm; clock: Clock },
  count: number,
  made: (orders: number) => void,
): Promise<void> => {
  const faker = await loadFaker();
  for (let done = 0; done < count; ) {
    const size = Math.min(ORDERS_PER_CHUNK, count - done);
    const acceptedAt = timeOf(clock.next());
    const chunk = Array.from({ length: size }, () => ({ order: fakeOrder(faker), acceptedAt, version: 0 }));
    await orm.transaction(async (tx) => {
      await runEach(tx, [...insertOrders(chunk), ...addToCount(size)]);
    });
    done += size;
    made(done);
  }
};
