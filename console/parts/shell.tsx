/** What is around each page: the way to the others, what is going on, and who is signed in. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, Failure } from '../state/calls.ts';
import { type Theme, useConsole } from '../state/console.ts';
import { linkTo } from '../state/route.ts';
import { STALE_MS } from '../state/stream.ts';
import { age, count, utc } from '../state/times.ts';
import { Icon } from './icons.tsx';
import { Mark } from './state.tsx';

const pages = [
  { name: 'Overview', path: '', also: [] },
  { name: 'Orders', path: 'orders', also: ['new'] },
  { name: 'Jobs', path: 'jobs', also: [] },
  { name: 'Dead letters', path: 'dead', also: [] },
  { name: 'Data', path: 'data', also: [] },
  { name: 'Settings', path: 'settings', also: [] },
] satisfies { name: string; path: string; also: string[] }[];

const Navigation = () => {
  const { routing, stream } = useConsole();
  const [place = ''] = routing.route.value.path;
  const dead = stream.samples.value.at(-1)?.dead ?? 0;
  return (
    <nav aria-label="Pages of the console">
      {pages.map(({ name, path, also }) => (
        <a
          key={path}
          href={`#/${path}`}
          aria-current={place === path || also.some((one) => one === place) ? 'page' : undefined}
        >
          {name}
          {path === 'dead' && dead > 0 && <b class="badge">{count(dead)}</b>}
        </a>
      ))}
    </nav>
  );
};

/** Finds an order or a job by its id, with `/` from anywhere. */
const Finder = () => {
  const { routing, notices } = useConsole();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const jump = (event: KeyboardEvent): void => {
      const { target } = event;
      const types =
        target instanceof HTMLElement && target.closest('input, textarea:not([readonly]), select, dialog');
      if (event.key !== '/' || types || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener('keydown', jump);
    return () => removeEventListener('keydown', jump);
  }, []);
  const isJob = async (id: string): Promise<boolean> => {
    try {
      return (await call<{ order_id: string | null }>(`jobs/${encodeURIComponent(id)}`)).order_id !== null;
    } catch (error) {
      if (error instanceof Failure && error.kind !== 'missing') notices.say(error.message, true);
      return false;
    }
  };
  const find = async (event: Event): Promise<void> => {
    event.preventDefault();
    const id = field.current?.value.trim() ?? '';
    if (id === '') return;
    routing.go(linkTo([(await isJob(id)) ? 'jobs' : 'orders', id]));
    if (field.current) field.current.value = '';
    document.querySelector<HTMLElement>('h1')?.focus();
  };
  return (
    <search class="finder">
      <form onSubmit={(event) => void find(event)}>
        <input
          ref={field}
          type="search"
          placeholder="Id of an order or a job"
          aria-label="Id of an order or a job"
          spellcheck={false}
        />
        <kbd>/</kbd>
      </form>
    </search>
  );
};

/** Whether what is shown of the service is of now. */
const Liveness = () => {
  const { stream, clock } = useConsole();
  const heardAt = stream.heardAt.value;
  const silentMs = heardAt === undefined ? undefined : clock.value - heardAt;
  if (stream.line.value === 'live' && silentMs !== undefined && silentMs < STALE_MS)
    return (
      <Mark tone="good" icon="dot">
        live
      </Mark>
    );
  if (stream.line.value === 'connecting')
    return (
      <Mark tone="idle" icon="dot">
        connecting
      </Mark>
    );
  return (
    <Mark tone="bad" icon="warn">
      {silentMs === undefined ? 'no news' : `no news for ${age(silentMs)}`}
    </Mark>
  );
};

const Footer = () => {
  const { session, theme, resources, stream, notices } = useConsole();
  const { role, expires_at } = session.session.value ?? {};
  const [busy, setBusy] = useState(false);
  const leave = async (): Promise<void> => {
    setBusy(true);
    try {
      await session.signOut();
      stream.stop();
      resources.clear();
    } catch (error) {
      notices.say(error instanceof Error ? error.message : String(error), true);
      setBusy(false);
    }
  };
  return (
    <footer>
      <span class="who">
        Signed in {role === 'admin' ? 'as admin' : 'to look only'} until {utc(expires_at).slice(0, 16)}. All
        times are UTC.
      </span>
      <label>
        Theme
        <select value={theme.theme.value} onChange={(event) => theme.set(event.currentTarget.value as Theme)}>
          <option value="auto">as the system</option>
          <option value="light">light</option>
          <option value="dark">dark</option>
        </select>
      </label>
      <button type="button" class="quiet" disabled={busy} onClick={() => void leave()}>
        Sign out
      </button>
    </footer>
  );
};

const Notice = () => {
  const { notice } = useConsole().notices;
  return (
    <div class="notices" role="status">
      {notice.value && (
        <p class={notice.value.isBad ? 'bad' : ''}>
          <Icon name={notice.value.isBad ? 'warn' : 'check'} />
          {notice.value.text}
        </p>
      )}
    </div>
  );
};

export const Shell = ({ children }: { children: ComponentChildren }) => {
  const { stream, moves, writes } = useConsole();
  useEffect(() => {
    stream.start();
    moves.resume();
    writes.resume();
    return stream.stop;
  }, [stream, moves, writes]);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>('main')?.focus()}>
        Skip to the content
      </button>
      <header>
        <span class="brand">Orders</span>
        <Navigation />
        <Finder />
        <Liveness />
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      <Footer />
      <Notice />
    </>
  );
};
