/** ops/kubernetes: Kubernetes and KEDA know what is there, and it fits the service and its image. */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { withoutTap } from '../../testbed/spawn.ts';
import { readDockerfile } from '../helpers/image.ts';
import {
  checkCommand,
  checkSettings,
  FAREWELL_SECONDS,
  read,
  root,
  type Strings,
} from '../helpers/manifests.ts';

const FOLDER = 'ops/kubernetes';
const PROBES = { startupProbe: 'live', livenessProbe: 'live', readinessProbe: 'ready' };
const image = readDockerfile();

interface Container {
  image: string;
  command?: string[];
  ports?: { name: string; containerPort: number }[];
  volumeMounts: { name: string; mountPath: string }[];
  resources: { requests: Strings; limits: Strings };
  [probe: `${string}Probe`]: { httpGet: { path: string; port: string } } | undefined;
}
interface Pod {
  containers: Container[];
  terminationGracePeriodSeconds?: number;
  securityContext: { runAsUser: number };
}
interface Labelled {
  matchLabels: Strings;
}
interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  data: Strings;
  stringData: Strings;
  spec: {
    template: { metadata: { labels: Strings }; spec: Pod };
    selector: Labelled;
    podSelector: Labelled;
    ports: { targetPort: string }[];
    ingress: { ports: { port: number }[] }[];
    scaleTargetRef: { name: string };
    triggers: { metadata: Strings; authenticationRef: { name: string } }[];
    secretTargetRef: { name: string; key: string }[];
  };
}

const files = readdirSync(join(root, FOLDER), { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.yaml'),
);
const manifests = files
  .filter((file) => !file.endsWith('kustomization.yaml'))
  .flatMap((file) => parseAllDocuments(read(join(FOLDER, file))).map((one) => one.toJS() as Manifest));
const all = (kind: string) => manifests.filter((one) => one.kind === kind);
const one = (kind: string, name: string) => {
  const found = all(kind).find(({ metadata }) => metadata.name === name);
  if (!found) throw new Error(`There is no ${kind} ${name}.`);
  return found;
};
const workloads = [...all('Deployment'), ...all('Job')];
const config = one('ConfigMap', 'orders').data;

/** Where the types and the validator of a kind are. */
const moduleOf = ({ apiVersion, kind }: Manifest): string =>
  `${apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models'}/${apiVersion}/${kind}`;

t.test('each value is as its schema says', async (t) => {
  for (const manifest of manifests) {
    const module = await import(moduleOf(manifest));
    const check = (body: object) => () => new module[manifest.kind](body).validate();
    t.doesNotThrow(check(manifest), `${manifest.kind} ${manifest.metadata.name}`);
    t.throws(check({ ...manifest, metadata: 'name' }));
  }
});

t.test('each field is one that its kind has', async (t) => {
  // The compiler refuses a member of an object literal that its type has not; the validators do not.
  const file = join(t.testdir(), 'manifests.ts');
  const text = manifests
    .map((manifest, i) => {
      const type = `import('${moduleOf(manifest)}').I${manifest.kind}`;
      return `export const m${i}: ${type} = ${JSON.stringify(manifest)};`;
    })
    .join('\n');
  const problems = (source: string): string => {
    writeFileSync(file, source);
    const options = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext'];
    const [command, args] = withoutTap(
      join(root, 'node_modules/.bin/tsc'),
      ...options,
      '--types',
      'node',
      file,
    );
    return spawnSync(command, args, { cwd: root, encoding: 'utf8' }).stdout;
  };
  t.equal(problems(text), '');
  t.match(problems(text.replace('"periodSeconds"', '"periodSecond"')), /'"periodSecond"' does not exist/);
});

t.test('pods run programs of the image, as its user, and are asked where they answer', async (t) => {
  t.equal(workloads.length, 4);
  const exposed = { http: 8080, metrics: Number(image.env.METRICS_PORT) };
  for (const { kind, metadata, spec } of workloads) {
    const { containers, securityContext, terminationGracePeriodSeconds = 30 } = spec.template.spec;
    const [container] = containers;
    if (!container) throw new Error(`${metadata.name} has no container.`);
    checkCommand(t, container.command ?? image.command);
    t.equal(String(securityContext.runAsUser), image.user[0]);
    t.equal(container.image, 'orders', 'which kustomize replaces');
    if (kind === 'Job') continue;
    const isApi = metadata.name === 'orders-api';
    const grace = isApi ? Number(config.SHUTDOWN_GRACE) : 0;
    t.ok(terminationGracePeriodSeconds > FAREWELL_SECONDS + grace, `${metadata.name} has time to end`);
    const port = isApi ? 'http' : 'metrics';
    const ports = (isApi ? ['http', 'metrics'] : ['metrics']) as (keyof typeof exposed)[];
    t.strictSame(
      container.ports,
      ports.map((name) => ({ name, containerPort: exposed[name] })),
    );
    for (const [probe, what] of Object.entries(PROBES))
      t.match(container[probe as `${string}Probe`], { httpGet: { path: `/health/${what}`, port } });
  }
});

t.test('the settings are settings, and each secret is mounted', async (t) => {
  const secrets = one('Secret', 'orders').stringData;
  const { api, shutdownGraceMs } = checkSettings(t, config, secrets);
  t.match(
    { api, shutdownGraceMs },
    { api: { workers: 1, adminPassword: 'change-me' }, shutdownGraceMs: 5_000 },
  );
  for (const { spec } of workloads)
    for (const { volumeMounts } of spec.template.spec.containers)
      for (const [name, path] of Object.entries(config))
        if (name.endsWith('_FILE')) t.ok(path.startsWith(`${volumeMounts[0]?.mountPath}/`), path);
});

t.test('what selects pods finds some', async (t) => {
  const pods = workloads.map(({ spec }) => spec.template.metadata.labels);
  const matches = (wanted: Strings) =>
    pods.filter((labels) => Object.entries(wanted).every(([name, value]) => labels[name] === value)).length;
  for (const { spec } of all('Deployment')) t.equal(matches(spec.selector.matchLabels), 1);
  for (const { spec } of all('PodDisruptionBudget')) t.equal(matches(spec.selector.matchLabels), 1);
  t.equal(matches(one('Service', 'orders-api').spec.selector as unknown as Strings), 1);
  t.equal(one('Service', 'orders-api').spec.ports[0]?.targetPort, 'http');
  t.equal(matches(one('NetworkPolicy', 'orders').spec.podSelector.matchLabels), workloads.length);
  t.equal(matches(one('NetworkPolicy', 'orders-api').spec.podSelector.matchLabels), 1);
  t.equal(one('NetworkPolicy', 'orders-api').spec.ingress[0]?.ports[0]?.port, 8080);
  t.equal(one('NetworkPolicy', 'orders').spec.ingress[0]?.ports[0]?.port, Number(image.env.METRICS_PORT));
});

t.test('KEDA looks at the queue of jobs', async (t) => {
  const { scaleTargetRef, triggers } = one('ScaledObject', 'orders-consumer').spec;
  const [trigger] = triggers;
  t.ok(one('Deployment', scaleTargetRef.name));
  t.equal(trigger?.metadata.queueName, config.RABBITMQ_QUEUE_NAME ?? 'order_write_jobs');
  const [target] = one('TriggerAuthentication', trigger?.authenticationRef.name ?? '').spec.secretTargetRef;
  t.ok(one('Secret', target?.name ?? '').stringData[target?.key ?? '']);
});

t.test('all files are put together by a kustomization', async (t) => {
  const named = files
    .filter((file) => file.endsWith('kustomization.yaml'))
    .flatMap((file) =>
      (parse(read(join(FOLDER, file))).resources ?? []).map((name: string) => join(file, '..', name)),
    );
  const wanted = files.filter((file) => !/kustomization|secret/.test(file));
  for (const file of wanted) t.ok(named.includes(file), file);
});

const kubectl = spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' });
t.test(
  'kubectl builds them',
  { skip: kubectl.status === 0 ? false : 'kubectl is not installed' },
  async (t) => {
    for (const folder of [FOLDER, `${FOLDER}/migrate`]) {
      const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', folder], {
        cwd: root,
        encoding: 'utf8',
      });
      t.equal(status, 0, stderr);
      t.match(stdout, /image: registry\.example\/orders:\d/);
      t.notMatch(stdout, /image: orders/);
    }
  },
);
