/** The console: a page for people who run the service. */
import { render } from 'preact';
import { useMemo } from 'preact/hooks';
import { DataPage } from './pages/data.tsx';
import { DeadPage } from './pages/dead.tsx';
import { JobPage } from './pages/job.tsx';
import { JobsPage } from './pages/jobs.tsx';
import { NewPage } from './pages/new.tsx';
import { OrderPage } from './pages/order.tsx';
import { OrdersPage } from './pages/orders.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { SettingsPage } from './pages/settings.tsx';
import { SignInPage } from './pages/sign-in.tsx';
import { Empty, Page } from './parts/frame.tsx';
import { Shell } from './parts/shell.tsx';
import { ConsoleContext, createConsole, useConsole } from './state/console.ts';

const Routed = () => {
  const { path } = useConsole().routing.route.value;
  const [place, id] = path;
  if (place === undefined) return <OverviewPage />;
  if (place === 'orders') return id === undefined ? <OrdersPage /> : <OrderPage key={id} id={id} />;
  if (place === 'jobs') return id === undefined ? <JobsPage /> : <JobPage key={id} id={id} />;
  if (place === 'new') return <NewPage />;
  if (place === 'dead') return <DeadPage />;
  if (place === 'data') return <DataPage />;
  if (place === 'settings') return <SettingsPage />;
  return (
    <Page title="No such page">
      <Empty>
        There is no such page. <a href="#/">To the overview</a>
      </Empty>
    </Page>
  );
};

const Gate = () => {
  const { session } = useConsole();
  if (session.session.value) {
    return (
      <Shell>
        <Routed />
      </Shell>
    );
  }
  if (session.session.value === null) return <SignInPage />;
  return (
    <p class="boot" role="status">
      {session.problem.value === undefined
        ? 'Loading the console…'
        : `${session.problem.value} Trying again…`}
    </p>
  );
};

const App = () => {
  const all = useMemo(() => {
    const made = createConsole();
    const check = async (): Promise<void> => {
      await made.session.check();
      if (made.session.session.peek() === undefined) setTimeout(check, 2_000);
    };
    void check();
    return made;
  }, []);
  return (
    <ConsoleContext.Provider value={all}>
      <Gate />
    </ConsoleContext.Provider>
  );
};

const root = document.querySelector('#console');
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
