/** ops/observability: its alerts and its dashboard are about metrics that there are, and the docs say what to do. */
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { readDockerfile } from '../helpers/image.ts';
import { read } from '../helpers/manifests.ts';
import { documentedMetrics } from '../helpers/metrics.ts';

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

// test/telemetry/metrics.test.ts compares this list with what processes really say.
const metrics = new Map(documentedMetrics().map((one) => [one.name, one]));
const alerts: { alert: string; expr: string; annotations: { runbook: string } }[] = parse(
  read('ops/observability/alerts.yml'),
).groups.flatMap(({ rules }: { rules: object[] }) => rules);
const panels: Panel[] = JSON.parse(read('ops/observability/grafana/dashboards/orders.json')).panels;

/** What Prometheus and its configuration add. */
const ADDED = ['le', 'job', 'instance', 'process'];
const PARTS = /_(bucket|sum|count)$/;

/** The metrics that an expression is about, by the names that a process gives them, and the labels that it mentions. */
const readExpression = (expr: string) => {
  const names = [...expr.matchAll(/\b(?:orders|process)_\w+\b/g)].map(([name]) => {
    const whole = name.replace(PARTS, '');
    return metrics.get(whole)?.type === 'histogram' && PARTS.test(name) ? whole : name;
  });
  const labels = [
    ...[...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/, */)),
    ...[...expr.matchAll(/(\w+)=~?"/g)].map(([, label = '']) => label),
  ];
  return { names, labels };
};
const check = (t: Test, what: string, expr: string): void => {
  const { names, labels } = readExpression(expr);
  t.ok(names.length > 0 || expr.includes('up{'), `${what} is about a metric`);
  for (const name of names) t.ok(metrics.has(name), `${what}: there is ${name}`);
  const known = [...ADDED, ...names.flatMap((name) => metrics.get(name)?.labels ?? [])];
  for (const label of labels) t.ok(known.includes(label), `${what}: there is a label ${label}`);
};

t.test('the alerts', async (t) => {
  for (const { alert, expr, annotations } of alerts) {
    check(t, alert, expr);
    t.equal(annotations.runbook, 'docs/OBSERVABILITY.md#alerts');
  }
  const docs = read('docs/OBSERVABILITY.md');
  const explained = [...docs.matchAll(/^\| `(Orders\w+)` \|/gm)].map(([, name = '']) => name);
  t.strictSame(
    alerts.map(({ alert }) => alert),
    explained,
    'docs/OBSERVABILITY.md says of each what to do',
  );
  const tried = parse(read('test/ops/alerts.yml')).tests.flatMap(
    (one: { alert_rule_test: { alertname: string; exp_alerts?: object[] }[] }) =>
      one.alert_rule_test.filter(({ exp_alerts }) => exp_alerts).map(({ alertname }) => alertname),
  );
  t.strictSame([...new Set(tried)].sort(), [...explained].sort(), 'each is tried');
});

t.test('the dashboard', async (t) => {
  const expressions = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr })),
  );
  for (const { title, expr } of expressions) check(t, title, expr);
  const shown = new Set(expressions.flatMap(({ expr }) => readExpression(expr).names));
  const left = [...metrics.keys()].filter((name) => !shown.has(name));
  t.strictSame(left, ['orders_event_loop_busy_seconds_total', 'process_start_time_seconds'], 'all others');
});

t.test('Prometheus asks the services of compose.yaml where they answer', async (t) => {
  const { services } = parse(read('compose.yaml'), { merge: true });
  const [{ dns_sd_configs }] = parse(read('ops/observability/prometheus.yml')).scrape_configs;
  for (const { names, port } of dns_sd_configs) {
    t.equal(String(port), readDockerfile().env.METRICS_PORT);
    for (const name of names) t.ok(name in services, name);
  }
});
