/**
 * `ops/image.ts FOLDER`: puts into an empty folder all that a container of the service needs, as its root: Node.js and
 * the libraries that it uses, the build, and the packages that the build does not hold. There is no shell and no other
 * program in it. The Dockerfile copies that folder, and a test runs the service in it (test/ops/image.test.ts).
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const project = join(import.meta.dirname, '..');
/** Where the service is in the image. */
const HOME = 'orders';
const UID = 10_001;
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/** Copies a file to the place that it has here, and what it links to under its own name. */
const copyFile = (root: string, file: string, to = file): void => {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  cpSync(realpathSync(file), join(root, to));
};

/** The shared libraries of a program, and the linker that loads them. @throws Error if ldd finds one nowhere */
const librariesOf = (program: string): string[] => {
  const { status, stdout, stderr } = spawnSync('ldd', [program], { encoding: 'utf8' });
  if (status !== 0 || stdout.includes('not found')) throw new Error(`ldd ${program}:\n${stdout}${stderr}`);
  return [...stdout.matchAll(/(?:^|=>)\s*(\/\S+) \(0x/gm)].map(([, file = '']) => file);
};

/** The packages that programs load at run time: those that ops/bundle.sh leaves outside. */
const externals = (): string[] =>
  [...readFileSync(join(project, 'ops/bundle.sh'), 'utf8').matchAll(/--external:(\S+)/g)].map(
    ([, name = '']) => name,
  );

/** Adds the folders of a package and of all that it depends on, as Node finds them from `from`. */
const addPackage = (name: string, from: string, found: Set<string>): void => {
  const folder = join(from, 'node_modules', name);
  if (!existsSync(folder)) {
    if (from === project) throw new Error(`The package ${name} is not installed.`);
    addPackage(name, dirname(from), found);
    return;
  }
  if (found.has(folder)) return;
  found.add(folder);
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) addPackage(dependency, folder, found);
};

const assemble = (root: string): void => {
  copyFile(root, process.execPath, '/usr/local/bin/node');
  for (const library of librariesOf(process.execPath)) copyFile(root, library);
  // Without it the service trusts the authorities that Node.js brings.
  if (existsSync(AUTHORITIES)) copyFile(root, AUTHORITIES);

  const home = join(root, HOME);
  for (const file of ['package.json', 'LICENSE']) copyFile(root, join(project, file), `/${HOME}/${file}`);
  const isNeeded = (file: string) => !file.endsWith('.map') && basename(file) !== '.built';
  cpSync(join(project, 'dist'), join(home, 'dist'), { recursive: true, filter: isNeeded });
  const packages = new Set<string>();
  for (const name of externals()) addPackage(name, project, packages);
  const isRun = (file: string) => !/\/examples$|\.(map|md|[cm]?ts)$/.test(file);
  for (const folder of packages)
    cpSync(folder, join(home, folder.slice(project.length)), { recursive: true, filter: isRun });

  const etc = (name: string, text: string) => writeFileSync(join(root, 'etc', name), text);
  mkdirSync(join(root, 'etc'), { recursive: true });
  etc('passwd', `root:x:0:0:root:/:/sbin/nologin\norders:x:${UID}:${UID}:Orders:/${HOME}:/sbin/nologin\n`);
  etc('group', `root:x:0:\norders:x:${UID}:\n`);
  // Without it glibc asks DNS for names that are in /etc/hosts (nsswitch.conf(5)).
  etc('nsswitch.conf', 'hosts: files dns\n');
};

const [folder, ...rest] = process.argv.slice(2);
if (!folder || rest.length > 0) throw new Error('Usage: ops/image.ts FOLDER');
assemble(folder);
