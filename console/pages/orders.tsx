/** The orders that have reached MySQL: search by id, beginning of the customer's name and status, page by page. */
import { useRef } from 'preact/hooks';
import type { Order } from '../../domain/order.ts';
import { Age, Empty, Page, Shown } from '../parts/frame.tsx';
import { Icon } from '../parts/icons.tsx';
import { call } from '../state/calls.ts';
import { useConsole, useMayWrite } from '../state/console.ts';
import { useResource } from '../state/resources.ts';
import { linkTo } from '../state/route.ts';
import { count, timeOfId, utc } from '../state/times.ts';

const PAGE = '50';

interface Found {
  total_orders?: number;
  orders: Order[];
  next?: string | null;
}

export const itemsOf = ({ items }: Pick<Order, 'items'>): string => {
  const [first] = items;
  const name = first ? `${count(first.quantity)} × ${first.name}` : 'none';
  return items.length > 1 ? `${name}, ${count(items.length - 1)} more` : name;
};

const Filters = () => {
  const { routing } = useConsole();
  const { query } = routing.route.value;
  const form = useRef<HTMLFormElement>(null);
  const apply = (event: Event): void => {
    event.preventDefault();
    const text = (name: string) => String(new FormData(form.current ?? undefined).get(name) ?? '').trim();
    routing.change({ customer: text('customer'), status: text('status'), after: undefined });
  };
  return (
    <search>
      <form class="filters" ref={form} onSubmit={apply}>
        <label>
          Customer begins with
          <input
            name="customer"
            maxLength={80}
            defaultValue={query.get('customer') ?? ''}
            key={query.get('customer')}
          />
        </label>
        <label>
          Status
          <input
            name="status"
            maxLength={20}
            defaultValue={query.get('status') ?? ''}
            key={query.get('status')}
            list="statuses"
          />
          <datalist id="statuses">
            {['received', 'processing', 'shipped', 'delivered', 'cancelled'].map((status) => (
              <option key={status} value={status} />
            ))}
          </datalist>
        </label>
        <button type="submit">Search</button>
        {(query.get('customer') || query.get('status')) && (
          <button
            type="button"
            class="quiet"
            onClick={() => routing.change({ customer: undefined, status: undefined, after: undefined })}
          >
            Clear
          </button>
        )}
      </form>
    </search>
  );
};

const Rows = ({ orders }: { orders: Order[] }) => (
  <table class="stack">
    <thead>
      <tr>
        <th scope="col">Order</th>
        <th scope="col">Customer</th>
        <th scope="col">Status</th>
        <th scope="col">Items</th>
        <th scope="col">Made (UTC)</th>
      </tr>
    </thead>
    <tbody>
      {orders.map((order) => (
        <tr key={order.order_id}>
          <th scope="row">
            <a class="id" href={linkTo(['orders', order.order_id])}>
              {order.order_id}
            </a>
          </th>
          <td data-name="Customer">{order.customer_name}</td>
          <td data-name="Status">{order.status}</td>
          <td data-name="Items">{itemsOf(order)}</td>
          <td data-name="Made (UTC)" class="moment">
            {utc(timeOfId(order.order_id)).slice(0, 19)}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

export const OrdersPage = () => {
  const { resources, routing } = useConsole();
  const mayWrite = useMayWrite();
  const { query } = routing.route.value;
  const asked = new URLSearchParams({ limit: PAGE, count: 'true' });
  for (const [name, from] of [
    ['customer_name', 'customer'],
    ['status', 'status'],
    ['after', 'after'],
  ] as const) {
    const value = query.get(from);
    if (value) asked.set(name, value);
  }
  const found = useResource(resources, `orders?${asked}`, (signal) =>
    call<Found>(`orders?${asked}`, { signal }),
  );
  const isFiltered = query.has('customer') || query.has('status');
  return (
    <Page
      title="Orders"
      tools={
        <>
          <Age of={found} />
          {mayWrite && (
            <a class="button primary" href="#/new">
              <Icon name="plus" />
              New order
            </a>
          )}
        </>
      }
    >
      <Filters />
      <Shown of={found}>
        {({ orders, total_orders, next }) => (
          <>
            {orders.length === 0 && query.has('after') && <Empty>There are no further orders.</Empty>}
            {orders.length === 0 && !query.has('after') && (
              <Empty>
                {isFiltered
                  ? 'No order in MySQL matches. One that was accepted a moment ago may still wait.'
                  : 'There are no orders in MySQL yet.'}
              </Empty>
            )}
            {orders.length > 0 && <Rows orders={orders} />}
            <nav class="pages" aria-label="Pages">
              {total_orders !== undefined && orders.length > 0 && (
                <span>
                  {count(total_orders)} {total_orders === 1 ? 'order' : 'orders'} in all, the newest first
                </span>
              )}
              {query.has('after') && (
                <button type="button" onClick={() => routing.change({ after: undefined })}>
                  First page
                </button>
              )}
              {next && (
                <button
                  type="button"
                  onClick={() => {
                    routing.change({
                      after: new URLSearchParams(next.split('?')[1] ?? '').get('after') ?? next,
                    });
                    scrollTo(0, 0);
                  }}
                >
                  Next page
                </button>
              )}
            </nav>
          </>
        )}
      </Shown>
    </Page>
  );
};
