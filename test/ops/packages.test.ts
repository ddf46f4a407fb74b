/** What to install, on which system. */
import t from 'tap';
import { findProgram, installHint } from '../../ops/packages.ts';

t.test('the hint names the packages as this system calls them', (t) => {
  const cases: [string[], string][] = [
    [['debian'], 'Run: sudo apt-get install mariadb-server redis-server rabbitmq-server '],
    [['linuxmint', 'ubuntu', 'debian'], 'Run: sudo apt-get install mariadb-server '],
    [['fedora'], 'Run: sudo dnf install mariadb-server valkey rabbitmq-server '],
    [['rocky', 'rhel', 'centos', 'fedora'], 'Run: sudo dnf install mariadb-server '],
    [['arch'], 'Run: sudo pacman -S mariadb valkey rabbitmq '],
    [['darwin'], 'Run: brew install mariadb redis rabbitmq '],
    [['gentoo'], 'Install them with the package manager of this system '],
    [[], 'Install them with the package manager of this system '],
  ];
  for (const [ids, expected] of cases)
    t.match(installHint(['mysql', 'redis', 'rabbitmq'], ids), expected, ids.join(' '));
  t.end();
});

t.test('the hint names only what is missing', (t) => {
  t.equal(
    installHint(['redis'], ['debian']),
    'Not installed: Redis. Run: sudo apt-get install redis-server - or start Docker, or point .env at servers that run elsewhere. Then try again.',
  );
  t.end();
});

t.test('programs are found in PATH', (t) => {
  t.match(findProgram('no-such-program', 'sh'), /\/sh$/);
  t.equal(findProgram('no-such-program'), undefined);
  t.end();
});
