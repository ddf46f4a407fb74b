/** How the service is doing. */
import { useMemo } from 'preact/hooks';
import type { Overview, Sample } from '../../api/console/sample.ts';
import { Chart, createCursor } from '../parts/chart.tsx';
import { Loading, Page } from '../parts/frame.tsx';
import { Icon } from '../parts/icons.tsx';
import { Mark } from '../parts/state.tsx';
import { verdictOf } from '../parts/verdict.ts';
import { useConsole } from '../state/console.ts';
import { STALE_MS } from '../state/stream.ts';
import { age, count, duration, utcTime } from '../state/times.ts';

/** Each which row of the table is a sample: every tenth second. */
const TABLE_MS = 10_000;

const columns: { name: string; value: (sample: Sample) => string }[] = [
  { name: 'Accepted /s', value: ({ accepted }) => count(accepted) },
  { name: 'Applied /s', value: ({ applied }) => count(applied) },
  { name: 'p50', value: ({ p50_ms }) => duration(p50_ms) },
  { name: 'p99', value: ({ p99_ms }) => duration(p99_ms) },
  { name: 'Waiting', value: ({ waiting }) => count(waiting) },
  { name: 'Oldest', value: ({ oldest_ms }) => duration(oldest_ms) },
  { name: 'Hub lag', value: ({ hub_lag_ms }) => duration(hub_lag_ms) },
];

const Tile = ({ name, value, note, link }: { name: string; value: string; note?: string; link?: string }) => (
  <div class="number">
    <dt>{name}</dt>
    <dd>
      {link === undefined ? value : <a href={link}>{value}</a>}
      {note && <small>{note}</small>}
    </dd>
  </div>
);

/** The last value that is known, of the last ten seconds: where few jobs pass, most seconds have none. */
const lately = (samples: Sample[], value: (sample: Sample) => number | null): number | null =>
  samples
    .slice(-10)
    .map(value)
    .findLast((one) => one !== null) ?? null;

const Numbers = ({ samples, last }: { samples: Sample[]; last: Sample }) => (
  <dl class="numbers">
    <Tile name="Accepted" value={count(last.accepted)} note="/s" />
    <Tile name="Applied" value={count(last.applied)} note="/s" />
    <Tile name="To applied, p50" value={duration(lately(samples, (sample) => sample.p50_ms))} />
    <Tile name="To applied, p99" value={duration(lately(samples, (sample) => sample.p99_ms))} />
    <Tile
      name="Waiting"
      value={count(last.waiting)}
      {...(last.delayed ? { note: ` + ${count(last.delayed)} retrying` } : {})}
    />
    <Tile name="Oldest waiting" value={last.oldest_ms === 0 ? 'none' : duration(last.oldest_ms)} />
    <Tile name="Dead letters" value={count(last.dead)} link="#/dead" />
    <Tile name="Hub lag" value={duration(last.hub_lag_ms)} />
  </dl>
);

const Servers = ({ health, last }: { health: Overview['health']; last: Sample }) => {
  const { mysql, rabbitmq, redis } = health;
  const rows = [
    { name: 'MySQL', check: mysql },
    { name: 'RabbitMQ', check: rabbitmq },
    ...(redis ? [{ name: 'Redis', check: redis }] : []),
  ];
  return (
    <section aria-labelledby="servers">
      <h2 id="servers">Servers</h2>
      <table class="stack tight">
        <thead>
          <tr>
            <th scope="col">Server</th>
            <th scope="col">State</th>
            <th scope="col" class="figure">
              Answered in
            </th>
            <th scope="col">Remarks</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, check }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td data-name="State">
                {check.ok && check.reason === undefined && (
                  <Mark tone="good" icon="check">
                    up
                  </Mark>
                )}
                {check.ok && check.reason !== undefined && (
                  <Mark tone="warn" icon="warn">
                    up, not reliable
                  </Mark>
                )}
                {!check.ok && (
                  <Mark tone="bad" icon="cross">
                    away
                  </Mark>
                )}
              </td>
              <td data-name="Answered in" class="figure">
                {check.ok ? `${check.ms} ms` : '–'}
              </td>
              <td data-name="Remarks">{check.reason ?? (check.ok ? '' : `${name} does not answer.`)}</td>
            </tr>
          ))}
          {redis === undefined && (
            <tr>
              <th scope="row">Redis</th>
              <td data-name="State">
                <Mark tone="idle" icon="ban">
                  not used
                </Mark>
              </td>
              <td data-name="Answered in" class="figure">
                –
              </td>
              <td data-name="Remarks">CACHE_DISABLED is set.</td>
            </tr>
          )}
          <tr>
            <th scope="row">Consumers</th>
            <td data-name="State">
              {last.consumers === null ? (
                <Mark tone="warn" icon="help">
                  unknown
                </Mark>
              ) : (
                <Mark
                  tone={last.consumers > 0 ? 'good' : 'bad'}
                  icon={last.consumers > 0 ? 'check' : 'cross'}
                >
                  {`${last.consumers} subscribed`}
                </Mark>
              )}
            </td>
            <td data-name="Answered in" class="figure">
              –
            </td>
            <td data-name="Remarks" />
          </tr>
        </tbody>
      </table>
    </section>
  );
};

const Table = ({ samples }: { samples: Sample[] }) => {
  const rows = samples.filter(
    ({ at }, index) =>
      index === samples.length - 1 ||
      Math.floor(at / TABLE_MS) !== Math.floor((samples[index + 1]?.at ?? 0) / TABLE_MS),
  );
  return (
    <table class="stack dense flow" aria-label="Samples of the last five minutes">
      <thead>
        <tr>
          <th scope="col">Time (UTC)</th>
          {columns.map(({ name }) => (
            <th scope="col" class="figure" key={name}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.toReversed().map((sample) => (
          <tr key={sample.at}>
            <th scope="row">{utcTime(sample.at)}</th>
            {columns.map(({ name, value }) => (
              <td class="figure" data-name={name} key={name}>
                {value(sample)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
};

const Plots = ({ samples }: { samples: Sample[] }) => {
  const cursor = useMemo(createCursor, []);
  const shared = { samples, cursor };
  return (
    <div class="plots">
      <Chart
        {...shared}
        title="Writes a second"
        format={count}
        series={[
          { name: 'accepted', line: 'first', value: ({ accepted }) => accepted },
          { name: 'applied', line: 'second', value: ({ applied }) => applied },
        ]}
      />
      <Chart
        {...shared}
        title="From accepted to applied"
        format={duration}
        isTime
        series={[
          { name: 'p50', line: 'first', value: ({ p50_ms }) => p50_ms },
          { name: 'p99', line: 'second', value: ({ p99_ms }) => p99_ms },
        ]}
      />
      <Chart
        {...shared}
        title="Jobs waiting"
        format={count}
        series={[
          { name: 'in the queue', line: 'first', value: ({ waiting }) => waiting },
          { name: 'retrying', line: 'second', value: ({ delayed }) => delayed },
        ]}
      />
      <Chart
        {...shared}
        title="Behind by"
        format={duration}
        isTime
        series={[
          { name: 'oldest waiting', line: 'first', value: ({ oldest_ms }) => oldest_ms },
          { name: 'hub lag', line: 'second', value: ({ hub_lag_ms }) => hub_lag_ms },
        ]}
      />
    </div>
  );
};

export const OverviewPage = () => {
  const { stream, routing, clock } = useConsole();
  const samples = stream.samples.value;
  const health = stream.health.value;
  const last = samples.at(-1);
  const isTable = routing.route.value.query.get('view') === 'table';
  const verdict = health && verdictOf(samples, health);
  const heardAt = stream.heardAt.value;
  const silentMs = heardAt === undefined ? 0 : clock.value - heardAt;
  return (
    <Page
      title="Overview"
      tools={
        last &&
        heardAt !== undefined && (
          <span class="age">
            as of {utcTime(last.at)} UTC, {age(silentMs)} old
          </span>
        )
      }
    >
      {silentMs > STALE_MS && (
        <p class="banner bad" role="alert">
          <Icon name="warn" />
          <span>The API does not answer. What is shown is what was known before. Trying again…</span>
        </p>
      )}
      {last === undefined || health === undefined || verdict === undefined ? (
        <Loading />
      ) : (
        <>
          <p class={`verdict ${verdict.tone}`} role="status">
            <Icon name={verdict.icon} />
            <b>{verdict.word}</b> <span>{verdict.sentence}</span>
          </p>
          <Numbers samples={samples} last={last} />
          <section aria-labelledby="lately">
            <div class="subhead">
              <h2 id="lately">Last five minutes</h2>
              <fieldset class="switch">
                <legend class="visually-hidden">Show as</legend>
                {(['plots', 'table'] as const).map((view) => (
                  <button
                    type="button"
                    key={view}
                    aria-pressed={(view === 'table') === isTable}
                    onClick={() => routing.change({ view: view === 'table' ? view : undefined })}
                  >
                    {view === 'table' ? 'Table' : 'Plots'}
                  </button>
                ))}
              </fieldset>
            </div>
            {isTable ? <Table samples={samples} /> : <Plots samples={samples} />}
          </section>
          <Servers health={health} last={last} />
        </>
      )}
    </Page>
  );
};
