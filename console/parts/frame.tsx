/** What every page is made of: its head, the age of its data, and what stands there while there is none. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useConsole } from '../state/console.ts';
import type { Known, Resource } from '../state/resources.ts';
import { age, utcTime } from '../state/times.ts';
import { Icon } from './icons.tsx';

/** A page. Its heading gets the focus when somebody comes to it, so that it is read out. */
export const Page = ({
  title,
  tools,
  children,
}: {
  title: string;
  tools?: ComponentChildren;
  children: ComponentChildren;
}) => {
  const heading = useRef<HTMLHeadingElement>(null);
  const { path } = useConsole().routing.route.value;
  const place = path.join('/');
  useEffect(() => {
    document.title = `${title} · Orders console`;
    if (!document.activeElement?.closest('main, header input'))
      heading.current?.focus({ preventScroll: true });
  }, [place, title]);
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1} ref={heading}>
          {title}
        </h1>
        <div class="tools">{tools}</div>
      </div>
      {children}
    </>
  );
};

/** How old data is, by the clock of this computer, and a button that asks for newer. */
export const Age = ({ of: { known, refresh } }: { of: Resource<unknown> }) => {
  const { clock } = useConsole();
  const { at, busy } = known.value;
  return (
    <span class="age">
      {at !== undefined && (
        <span>
          as of {utcTime(at)} UTC, {age(clock.value - at)} old
        </span>
      )}
      <button type="button" class="quiet" onClick={() => void refresh()} aria-busy={busy}>
        <Icon name="again" />
        Refresh
      </button>
    </span>
  );
};

/** Says why there is nothing newer, above what is there. */
export const Problem = ({ of: { failure, data } }: { of: Known<unknown> }) =>
  failure === undefined ? null : (
    <p class="banner bad" role="alert">
      <Icon name="warn" />
      <span>
        {failure.message}{' '}
        {failure.kind === 'away' &&
          (data === undefined ? 'Trying again…' : 'What is shown is what was known before. Trying again…')}
      </span>
    </p>
  );

export const Loading = () => (
  <div class="loading" role="status">
    <span class="visually-hidden">Loading…</span>
    <i />
    <i />
    <i />
  </div>
);

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>;

/** What a resource is shown as, in each of its states. */
export const Shown = <T,>({
  of: { known },
  children,
}: {
  of: Resource<T>;
  children: (data: T) => ComponentChildren;
}) => {
  const { routing } = useConsole();
  const { data } = known.value;
  const has = data !== undefined;
  useEffect(() => {
    if (has) routing.settle();
  }, [has, routing]);
  return (
    <>
      <Problem of={known.value} />
      {data !== undefined && children(data)}
      {data === undefined && known.value.failure === undefined && <Loading />}
    </>
  );
};

/** A row of a list of facts. */
export const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </>
);
