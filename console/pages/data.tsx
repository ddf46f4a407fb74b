/** Fake orders, and the removal of all orders. */
import { useState } from 'preact/hooks';
import { Confirm } from '../parts/dialog.tsx';
import { Empty, Page } from '../parts/frame.tsx';
import { Icon } from '../parts/icons.tsx';
import { call, LONG_MS } from '../state/calls.ts';
import { useConsole, useMayWrite } from '../state/console.ts';
import { count } from '../state/times.ts';

const SEED = 'console/api/admin/seed';
const RESET = 'console/api/admin/reset';

export const DataPage = () => {
  const { notices, changes } = useConsole();
  const mayWrite = useMayWrite();
  const [number, setNumber] = useState('100');
  const [busy, setBusy] = useState<'seed' | 'reset'>();
  const [problem, setProblem] = useState<string>();
  const [asks, setAsks] = useState(false);
  const run = async (what: 'seed' | 'reset', path: string, body: unknown): Promise<void> => {
    setBusy(what);
    setProblem(undefined);
    try {
      const { message } = await call<{ message: string }>(path, { method: 'POST', body, withinMs: LONG_MS });
      notices.say(message);
      changes.letters.value++;
      changes.orders.value++;
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setBusy(undefined);
  };
  if (!mayWrite)
    return (
      <Page title="Data">
        <Empty>This session may only look: fake orders and the reset need the admin password.</Empty>
      </Page>
    );
  return (
    <Page title="Data">
      {problem && (
        <p class="banner bad" role="alert">
          <Icon name="warn" />
          {problem}
        </p>
      )}
      <section class="panel" aria-labelledby="seed">
        <h2 id="seed">Fake orders</h2>
        <p>They are put straight into MySQL, for trying things out.</p>
        <form
          class="filters"
          onSubmit={(event) => {
            event.preventDefault();
            void run('seed', SEED, { count: Number(number) });
          }}
        >
          <label class="short">
            How many
            <input
              type="number"
              required
              min={1}
              max={100_000}
              step={1}
              value={number}
              onInput={(event) => setNumber(event.currentTarget.value)}
            />
          </label>
          <button type="submit" disabled={busy !== undefined} aria-busy={busy === 'seed'}>
            {busy === 'seed' ? `Making ${count(Number(number))}…` : 'Make them'}
          </button>
        </form>
      </section>
      <section class="panel" aria-labelledby="reset">
        <h2 id="reset">Reset</h2>
        <p>
          Removes every order that was accepted before, in MySQL and in the queue. Orders that are accepted
          meanwhile stay, and so do dead letters.
        </p>
        <button
          type="button"
          class="danger"
          disabled={busy !== undefined}
          aria-busy={busy === 'reset'}
          onClick={() => setAsks(true)}
        >
          <Icon name="bin" />
          {busy === 'reset' ? 'Removing all orders…' : 'Remove all orders…'}
        </button>
      </section>
      {asks && (
        <Confirm
          title="Remove all orders?"
          action="Remove all orders"
          word="reset"
          onNo={() => setAsks(false)}
          onYes={() => {
            setAsks(false);
            void run('reset', RESET, {});
          }}
        >
          <p>Every order is removed for good, also those that wait.</p>
        </Confirm>
      )}
    </Page>
  );
};
