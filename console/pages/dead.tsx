/** Dead letters: what could not be applied, why, and what to do with it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { DeadLetter } from '../../queue/dead-letters.ts';
import { Confirm } from '../parts/dialog.tsx';
import { Age, Empty, Page, Shown } from '../parts/frame.tsx';
import { Icon } from '../parts/icons.tsx';
import { MoveProgress } from '../parts/progress.tsx';
import { typeOf } from '../parts/state.tsx';
import { useConsole, useMayWrite } from '../state/console.ts';
import { type Group, groupsOf, inOrder } from '../state/groups.ts';
import { type Letters, READ_TOGETHER, readLetters, useChosen } from '../state/letters.ts';
import type { Action } from '../state/moves.ts';
import { useResource } from '../state/resources.ts';
import { linkTo } from '../state/route.ts';
import { count, utc } from '../state/times.ts';

type Chosen = ReturnType<typeof useChosen>;

const span = (letters: DeadLetter[]): string => {
  const times = letters.flatMap(({ last_failed_at }) => last_failed_at ?? []).sort();
  return times.length === 0 ? '–' : utc(times.at(-1)).slice(0, 19);
};

/** A box that may be half checked: some of its letters are chosen. */
const Box = ({
  letters,
  of: { chosen, choose },
  label,
}: {
  letters: DeadLetter[];
  of: Chosen;
  label: string;
}) => {
  const ids = letters.map(({ letter_id }) => letter_id);
  const some = ids.filter((id) => chosen.has(id)).length;
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = some > 0 && some < ids.length;
  });
  return (
    <input
      type="checkbox"
      ref={box}
      aria-label={label}
      checked={ids.length > 0 && some === ids.length}
      onChange={(event) => choose(ids, event.currentTarget.checked)}
    />
  );
};

const Groups = ({ groups, of, mayWrite }: { groups: Group[]; of: Chosen; mayWrite: boolean }) => {
  const { routing } = useConsole();
  const shown = routing.route.value.query.get('group');
  return (
    <table class="stack">
      <caption class="visually-hidden">Groups</caption>
      <thead>
        <tr>
          {mayWrite && (
            <th scope="col" class="box">
              <span class="visually-hidden">Chosen</span>
            </th>
          )}
          <th scope="col">Reason</th>
          <th scope="col">Write</th>
          <th scope="col" class="figure">
            Letters
          </th>
          <th scope="col">Newest (UTC)</th>
        </tr>
      </thead>
      <tbody>
        {groups.map(({ key, reason, type, letters }) => (
          <tr key={key}>
            {mayWrite && (
              <td class="box">
                <Box letters={letters} of={of} label={`All with ${reason}, ${typeOf(type)}`} />
              </td>
            )}
            <th scope="row">
              <button
                type="button"
                class="link"
                aria-pressed={shown === key}
                onClick={() => routing.change({ group: shown === key ? undefined : key })}
              >
                {reason}
              </button>
            </th>
            <td data-name="Write">{typeOf(type)}</td>
            <td data-name="Letters" class="figure">
              {count(letters.length)}
            </td>
            <td data-name="Newest (UTC)" class="moment">
              {span(letters)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};

const Letter = ({ letter, of, mayWrite }: { letter: DeadLetter; of: Chosen; mayWrite: boolean }) => (
  <li class="letter">
    {mayWrite && <Box letters={[letter]} of={of} label={`Choose ${letter.letter_id}`} />}
    <details>
      <summary>
        <span class="id">{letter.job_id ?? 'no id'}</span>
        <span>{letter.reason ?? 'no reason given'}</span>
        <span>{typeOf(letter.job_type)}</span>
        <span class="moment">{utc(letter.last_failed_at).slice(0, 19)}</span>
      </summary>
      <dl class="facts">
        <dt>Error</dt>
        <dd>{letter.error ?? 'none given'}</dd>
        <dt>Tries</dt>
        <dd>{count(letter.attempts)}</dd>
        <dt>Failed (UTC)</dt>
        <dd>
          first {utc(letter.first_failed_at)}, last {utc(letter.last_failed_at)}
        </dd>
        {letter.order_id && (
          <>
            <dt>Order</dt>
            <dd>
              <a class="id" href={linkTo(['orders', letter.order_id])}>
                {letter.order_id}
              </a>
            </dd>
          </>
        )}
        {letter.job_id && (
          <>
            <dt>Job</dt>
            <dd>
              <a class="id" href={linkTo(['jobs', letter.job_id])}>
                {letter.job_id}
              </a>
            </dd>
          </>
        )}
        <dt>Body</dt>
        <dd>
          {/* A long one is scrolled in its own place, which the keyboard reaches by itself only in a control. */}
          <textarea
            class="bytes"
            readOnly
            rows={4}
            aria-label={`Body of ${letter.letter_id}`}
            value={letter.body}
          />
          <small>
            {count(letter.body_bytes)} bytes, as they came
            {letter.body_base64 !== null && '; they are no UTF-8, so some characters stand for others'}
          </small>
        </dd>
      </dl>
    </details>
  </li>
);

const questions: Record<Action, { verb: string; tells: string }> = {
  replay: {
    verb: 'Replay',
    tells: 'What is replayed goes back on the queue as if it came for the first time.',
  },
  discard: { verb: 'Discard', tells: 'What is discarded is given up for good, and cannot be had back.' },
};

const letterWord = (letters: number): string => `${count(letters)} ${letters === 1 ? 'letter' : 'letters'}`;

const Actions = ({ letters, of }: { letters: DeadLetter[]; of: Chosen }) => {
  const { moves } = useConsole();
  const [asked, setAsked] = useState<Action>();
  const chosen = letters.filter(({ letter_id }) => of.chosen.has(letter_id));
  const isBusy = moves.move.value?.state === 'running';
  return (
    <fieldset class="actions">
      <legend class="visually-hidden">What to do with the chosen letters</legend>
      <span role="status">{chosen.length === 0 ? 'None chosen' : `${letterWord(chosen.length)} chosen`}</span>
      <button type="button" disabled={chosen.length === 0 || isBusy} onClick={() => setAsked('replay')}>
        <Icon name="again" />
        Replay…
      </button>
      <button
        type="button"
        class="danger"
        disabled={chosen.length === 0 || isBusy}
        onClick={() => setAsked('discard')}
      >
        <Icon name="bin" />
        Discard…
      </button>
      {asked && (
        <Confirm
          title={`${questions[asked].verb} ${letterWord(chosen.length)}?`}
          action={`${questions[asked].verb} ${letterWord(chosen.length)}`}
          onNo={() => setAsked(undefined)}
          onYes={() => {
            setAsked(undefined);
            moves.start(asked, [...new Set(chosen.map(({ letter_id }) => letter_id))], chosen.length);
            of.clear();
          }}
        >
          <p>{questions[asked].tells} Letters that arrive meanwhile stay where they are.</p>
        </Confirm>
      )}
    </fieldset>
  );
};

const Content = ({ data: { letters, total, next }, more }: { data: Letters; more: () => void }) => {
  const { routing, stream } = useConsole();
  const mayWrite = useMayWrite();
  const of = useChosen();
  const groups = groupsOf(letters);
  const group = groups.find(({ key }) => key === routing.route.value.query.get('group'));
  const now = stream.samples.value.at(-1)?.dead ?? total;
  const shown = inOrder(group?.letters ?? letters);
  return (
    <>
      <MoveProgress />
      {now > total && (
        <p class="banner warn" role="status">
          <Icon name="clock" />
          {letterWord(now - total)} more since this was read: none of them is chosen. Refresh to see them.
        </p>
      )}
      {letters.length === 0 ? (
        <Empty>There are no dead letters: everything that was accepted is applied, or waits.</Empty>
      ) : (
        <>
          <section aria-labelledby="groups">
            <h2 id="groups">By reason and type</h2>
            <Groups groups={groups} of={of} mayWrite={mayWrite} />
          </section>
          <section aria-labelledby="letters">
            <div class="subhead">
              <h2 id="letters">
                {group ? `${group.reason}, ${typeOf(group.type)}` : 'All'}: {count(shown.length)}
                {letters.length < total && ` of ${count(total)}`}
              </h2>
              {mayWrite && <Actions letters={letters} of={of} />}
            </div>
            <ul class="letters">
              {shown.map((letter, index) => (
                <Letter key={`${letter.letter_id} ${index}`} letter={letter} of={of} mayWrite={mayWrite} />
              ))}
            </ul>
            {next !== null && (
              <button type="button" onClick={more}>
                Read the next {count(Math.min(READ_TOGETHER, total - letters.length))}
              </button>
            )}
          </section>
        </>
      )}
    </>
  );
};

export const DeadPage = () => {
  const { resources, changes, lettersInTurn } = useConsole();
  const wanted = useRef(READ_TOGETHER);
  const found = useResource(
    resources,
    'dead letters',
    readLetters(lettersInTurn, () => wanted.current),
  );
  const changed = changes.letters.value;
  useEffect(() => {
    if (changed > 0) void found.refresh();
  }, [changed, found]);
  return (
    <Page title="Dead letters" tools={<Age of={found} />}>
      <Shown of={found}>
        {(data) => (
          <Content
            data={data}
            more={() => {
              wanted.current = data.letters.length + READ_TOGETHER;
              void found.refresh();
            }}
          />
        )}
      </Shown>
    </Page>
  );
};
