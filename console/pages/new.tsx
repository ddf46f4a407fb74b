/** A new order. */
import { useId, useRef, useState } from 'preact/hooks';
import { Page } from '../parts/frame.tsx';
import { Icon } from '../parts/icons.tsx';
import { useConsole } from '../state/console.ts';
import { linkTo } from '../state/route.ts';

interface Item {
  key: number;
  name: string;
  quantity: string;
}

export const NewPage = () => {
  const { writes, notices, routing } = useConsole();
  const nextKey = useRef(1);
  const [items, setItems] = useState<Item[]>([{ key: 0, name: '', quantity: '1' }]);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const id = useId();
  const put = (key: number, change: Partial<Item>): void =>
    setItems(items.map((item) => (item.key === key ? { ...item, ...change } : item)));

  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const data = new FormData(form.current ?? undefined);
    const status = String(data.get('status') ?? '').trim();
    setBusy(true);
    setProblem(undefined);
    try {
      const { order_id } = await writes.send('POST', 'orders', {
        customer_name: String(data.get('customer') ?? ''),
        ...(status && { status }),
        items: items.map(({ name, quantity }) => ({ name, quantity: Number(quantity) })),
      });
      notices.say('The order is accepted and waits to be applied.');
      routing.go(linkTo(['orders', order_id]));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  return (
    <Page title="New order">
      <form class="panel" ref={form} onSubmit={(event) => void send(event)}>
        {problem && (
          <p class="banner bad" role="alert">
            <Icon name="warn" />
            {problem}
          </p>
        )}
        <div class="filters">
          <label>
            Customer
            <input name="customer" required maxLength={80} autoComplete="off" />
          </label>
          <label>
            Status
            <input name="status" maxLength={20} placeholder="received" autoComplete="off" />
          </label>
        </div>
        <fieldset class="rows">
          <legend>Items</legend>
          {items.map(({ key, name, quantity }, index) => (
            <div class="filters" key={key}>
              <label for={`${id}-name-${key}`}>
                <span>
                  Item <span class="visually-hidden">{index + 1}</span>
                </span>
                <input
                  id={`${id}-name-${key}`}
                  required
                  maxLength={80}
                  value={name}
                  autoComplete="off"
                  onInput={(event) => put(key, { name: event.currentTarget.value })}
                />
              </label>
              <label class="short" for={`${id}-quantity-${key}`}>
                <span>
                  Quantity <span class="visually-hidden">of item {index + 1}</span>
                </span>
                <input
                  id={`${id}-quantity-${key}`}
                  required
                  type="number"
                  inputMode="numeric"
                  min={1}
                  max={2_147_483_647}
                  step={1}
                  value={quantity}
                  onInput={(event) => put(key, { quantity: event.currentTarget.value })}
                />
              </label>
              <button
                type="button"
                class="quiet"
                disabled={items.length === 1}
                aria-label={`Remove item ${index + 1}`}
                onClick={() => setItems(items.filter((item) => item.key !== key))}
              >
                <Icon name="cross" />
                Remove
              </button>
            </div>
          ))}
          <button
            type="button"
            class="quiet"
            disabled={items.length >= 1_000}
            onClick={() => setItems([...items, { key: nextKey.current++, name: '', quantity: '1' }])}
          >
            <Icon name="plus" />
            Add an item
          </button>
        </fieldset>
        <div class="buttons">
          <a class="button" href="#/orders">
            Cancel
          </a>
          <button type="submit" class="primary" disabled={busy}>
            Create the order
          </button>
        </div>
      </form>
    </Page>
  );
};
