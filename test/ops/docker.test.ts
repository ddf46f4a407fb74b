/** How Docker is called, seen by a program of that name that notes its arguments. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { hasDocker, startContainers, startedContainers, stopContainers } from '../../ops/docker.ts';
import { loadConfig } from '../../process/config.ts';

const config = loadConfig({
  DATABASE_URL: 'mysql://me:my%20word@localhost:4001/shop',
  REDIS_URL: 'redis://:sesame@localhost:4002/0',
  RABBITMQ_PORT: '4003',
});

/** Puts a `docker` first in PATH that does `script` after it has noted its arguments and variables. */
const fakeDocker = (t: Test, script: string) => {
  const folder = t.testdir({ bin: {}, project: {} });
  const notes = join(folder, 'notes');
  const noting = `echo "$*" >>'${notes}'; env | grep -E '^(DB|REDIS|RABBITMQ)_' | sort >>'${notes}'`;
  writeFileSync(join(folder, 'bin/docker'), `#!/bin/sh\n${noting}\n${script}\n`, { mode: 0o755 });
  const { PATH } = process.env;
  process.env.PATH = `${join(folder, 'bin')}:${PATH}`;
  t.teardown(() => {
    process.env.PATH = PATH;
  });
  return { project: join(folder, 'project'), told: () => readFileSync(notes, 'utf8') };
};

t.test('an engine counts when it answers and knows compose', async (t) => {
  for (const [script, expected] of [
    ['exit 0', true],
    ['[ "$1" != info ]', false],
    ['[ "$1" != compose ]', false],
  ] as const)
    await t.test(script, async (t) => {
      fakeDocker(t, script);
      t.equal(hasDocker(), expected);
    });
});

t.test('containers are started with the settings, remembered, stopped and forgotten', async (t) => {
  const { project, told } = fakeDocker(t, 'exit 0');
  t.strictSame(startedContainers(project), []);
  startContainers(project, ['mysql', 'redis'], config);
  t.match(
    told(),
    `compose --project-directory ${project} --env-file /dev/null up --detach --wait mysql redis\n`,
  );
  for (const line of [
    'DB_PORT=4001',
    'DB_USER=me',
    'DB_PASS=my word',
    'DB_NAME=shop',
    'REDIS_PORT=4002',
    'REDIS_PASSWORD=sesame',
    'RABBITMQ_PORT=4003',
    'RABBITMQ_USER=guest',
  ])
    t.match(told(), `\n${line}\n`);
  startContainers(project, ['rabbitmq'], config);
  t.strictSame(startedContainers(project), ['mysql', 'redis', 'rabbitmq']);
  stopContainers(project, ['rabbitmq']);
  t.strictSame(startedContainers(project), ['mysql', 'redis']);
  stopContainers(project, ['mysql', 'redis']);
  t.match(told(), 'stop mysql redis\n');
  t.notOk(existsSync(join(project, '.data/docker')));
});

t.test("a failure shows Docker's own words, and what was begun can still be stopped", async (t) => {
  const { project } = fakeDocker(t, 'echo "no space left on device" >&2; exit 1');
  t.throws(() => startContainers(project, ['mysql'], config), { message: /no space left on device/ });
  t.strictSame(startedContainers(project), ['mysql']);
});
