/** compose.yaml's profile `app`, ops/ecs and ops/systemd: they fit the service and its image. */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TSchema, Type } from '@sinclair/typebox';
import { Ajv } from 'ajv';
import t from 'tap';
import { parse } from 'yaml';
import { readDockerfile } from '../helpers/image.ts';
import {
  checkCommand,
  checkSettings,
  FAREWELL_SECONDS,
  read,
  root,
  type Strings,
} from '../helpers/manifests.ts';

const image = readDockerfile();
/** Why a program that looks at files is not there; false if it is. */
const without = (program: string, ...args: string[]): string | false =>
  spawnSync(program, args).status === 0 ? false : `${program} is not installed`;

interface Service {
  profiles?: string[];
  image: string;
  command?: string[];
  environment: Strings;
  depends_on: object;
  stop_grace_period: string;
  healthcheck?: { disable: boolean };
}

t.test('compose.yaml', async (t) => {
  const { services } = parse(read('compose.yaml'), { merge: true }) as { services: Record<string, Service> };
  const app = Object.entries(services).filter(([, { profiles }]) => profiles?.includes('app'));
  t.strictSame(app.map(([name]) => name).sort(), ['api', 'consumer', 'hub', 'migrate']);
  /** As compose does where none of these variables is set. */
  const interpolated = (value: unknown) => String(value).replace(/\$\{\w+:-([^}]*)\}/g, '$1');
  for (const [name, service] of app)
    await t.test(name, async (t) => {
      checkCommand(t, service.command ?? image.command);
      t.equal(service.image, 'orders');
      t.ok(Number.parseInt(service.stop_grace_period, 10) > FAREWELL_SECONDS);
      const set = Object.entries(service.environment).map(([key, value]) => [key, interpolated(value)]);
      const { mysql, redis, rabbitmq } = checkSettings(
        t,
        Object.fromEntries(set.filter(([, value]) => value)),
      );
      const hosts = [mysql.host, redis.host, ...rabbitmq.hosts.map(({ hostname }) => hostname)];
      for (const server of [...hosts, ...Object.keys(service.depends_on)])
        t.ok(server in services, `${server} is a service`);
    });
});

t.test('docker-compose reads compose.yaml', { skip: without('docker-compose', 'version') }, async (t) => {
  const folder = t.testdir({ '.env': '' });
  cpSync(join(root, 'compose.yaml'), join(folder, 'compose.yaml'));
  const args = ['--file', 'compose.yaml', '--profile', 'app', 'config'];
  const { status, stderr } = spawnSync('docker-compose', args, { cwd: folder, encoding: 'utf8' });
  t.equal(status, 0, stderr);
});

/** The members that the files in ops/ecs have, as "Amazon ECS task definition parameters for Fargate" describes them. */
const strict = (members: Record<string, TSchema>) => Type.Object(members, { additionalProperties: false });
const text = Type.String({ minLength: 1 });
const pairs = (value: string) => Type.Array(strict({ name: text, [value]: text }));
const container = strict({
  name: Type.String({ pattern: '^[\\w-]{1,255}$' }),
  image: text,
  essential: Type.Boolean(),
  command: Type.Array(text),
  user: Type.String({ pattern: '^\\d+:\\d+$' }),
  readonlyRootFilesystem: Type.Boolean(),
  linuxParameters: strict({ capabilities: strict({ drop: Type.Array(text) }) }),
  portMappings: Type.Array(
    strict({
      name: text,
      containerPort: Type.Integer(),
      protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp')]),
      appProtocol: Type.Optional(Type.Union(['http', 'http2', 'grpc'].map((name) => Type.Literal(name)))),
    }),
  ),
  environment: pairs('value'),
  secrets: pairs('valueFrom'),
  healthCheck: strict({
    command: Type.Array(text),
    interval: Type.Integer({ minimum: 5, maximum: 300 }),
    timeout: Type.Integer({ minimum: 2, maximum: 60 }),
    retries: Type.Integer({ minimum: 1, maximum: 10 }),
    startPeriod: Type.Integer({ minimum: 0, maximum: 300 }),
  }),
  stopTimeout: Type.Integer({ minimum: 2, maximum: 120 }),
  logConfiguration: strict({ logDriver: Type.Literal('awslogs'), options: Type.Record(text, text) }),
});
const taskDefinition = strict({
  family: Type.String({ pattern: '^[\\w-]{1,255}$' }),
  networkMode: Type.Literal('awsvpc'),
  requiresCompatibilities: Type.Tuple([Type.Literal('FARGATE')]),
  // Fargate has these for a quarter and for half of a processor.
  cpu: Type.Union([Type.Literal('256'), Type.Literal('512')]),
  memory: Type.Union(['512', '1024', '2048'].map((mib) => Type.Literal(mib))),
  runtimePlatform: strict({ operatingSystemFamily: Type.Literal('LINUX'), cpuArchitecture: text }),
  executionRoleArn: text,
  taskRoleArn: text,
  containerDefinitions: Type.Array(container, { minItems: 1 }),
});

interface Named {
  name: string;
  value: string;
}

for (const file of readdirSync(join(root, 'ops/ecs')))
  t.test(`ops/ecs/${file}`, async (t) => {
    const task = JSON.parse(read(`ops/ecs/${file}`));
    const validate = new Ajv({ strict: false, allErrors: true }).compile(taskDefinition);
    t.ok(validate(task), JSON.stringify(validate.errors));
    t.notOk(task.cpu === '512' && task.memory === '512', 'half a processor has at least a GiB');
    const [{ command, user, environment, secrets, healthCheck, stopTimeout, portMappings }] =
      task.containerDefinitions;
    checkCommand(t, command);
    t.strictSame(user.split(':'), image.user);
    t.strictSame(healthCheck.command, ['CMD', ...image.healthCheck]);
    const values = environment.map(({ name, value }: Named) => [name, value]);
    const { shutdownGraceMs, metrics, api } = checkSettings(t, {
      ...Object.fromEntries(values),
      ...Object.fromEntries(secrets.map(({ name }: Named) => [name, 'change-me'])),
    });
    t.ok(stopTimeout > FAREWELL_SECONDS + shutdownGraceMs / 1_000);
    t.equal(portMappings[0].containerPort, file === 'api.json' ? api.port : metrics?.port);
  });

const units = readdirSync(join(root, 'ops/systemd'));
/** The value of a key of a unit, of the last line that sets it. */
const valueIn = (unit: string, key: string) =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].at(-1)?.[1] ?? '';

t.test('ops/systemd', async (t) => {
  t.equal(units.length, 4);
  for (const name of units)
    await t.test(name, async (t) => {
      const unit = read(`ops/systemd/${name}`);
      const [node, program = ''] = valueIn(unit, 'ExecStart').split(' ');
      t.equal(node, '/usr/bin/node');
      checkCommand(t, ['node', program]);
      if (name !== 'orders-migrate.service')
        t.ok(Number(valueIn(unit, 'TimeoutStopSec')) > FAREWELL_SECONDS, 'it has time to end');
      const set = [...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, words = '']) => words.split(' '));
      const variables = Object.fromEntries(set.map((word) => word.replace('%i', '1').split('=', 2)));
      checkSettings(t, { ...variables, DATABASE_URL: 'mysql://orders:pw@db/orders' });
    });
  const programs = ['orders-api', 'orders-hub', 'orders-worker@'];
  const ports = programs.map((name) =>
    /METRICS_PORT=(\S+)/.exec(read(`ops/systemd/${name}.service`))?.[1]?.replace('%i', '1'),
  );
  const documented = /The units for systemd [^.]*/.exec(read('docs/OBSERVABILITY.md'))?.[0];
  t.strictSame(documented?.match(/\d+/g), ports);
  t.equal(new Set(ports).size, 3, 'no two processes of a machine have one port');
});

t.test('systemd knows the units', { skip: without('systemd-analyze', '--version') }, async (t) => {
  const folder = t.testdir();
  for (const name of units) {
    const unit = readFileSync(join(root, 'ops/systemd', name), 'utf8');
    const file = join(folder, name);
    const verify = (lines: string): string => {
      writeFileSync(file, lines.replace('/usr/bin/node', process.execPath));
      return spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' }).stderr;
    };
    // It also says what is wrong with the machine's own units.
    const ofIts = (problems: string) => problems.split('\n').filter((line) => line.includes(name));
    t.strictSame(ofIts(verify(unit)), []);
    t.match(ofIts(verify(unit.replace('ProtectSystem=', 'ProtectSistem='))), [/Unknown key/]);
  }
});
