import t from 'tap';
import { ConfigError, loadConfig } from '../../process/config.ts';
import { DATABASE_URL } from '../helpers/config.ts';

const five = { DB_USER: 'bob', DB_PASS: 's3', DB_HOST: 'db2', DB_PORT: '3310', DB_NAME: 'store' };

t.test('no error shows a secret', async (t) => {
  const secrets = [
    'hunter2',
    'mysql://anna:hunter2@host',
    'mysql://anna:hunter2@host:99999/shop',
    'mysql://anna:hunter2%@host/shop',
    'mysql://anna:hunter2@ho st/shop',
    'mysql+://anna:hunter2@/shop',
    'redis://:hunter2@host:x/0',
    'redis://:hunter2%@host',
    'redis://:hunter2@host/0/1',
    `redis://:${'hunter2'.repeat(100)}@`,
    ' hunter2 ',
    '[hunter2]',
  ];
  const names = [
    'DATABASE_URL',
    'REDIS_URL',
    'DB_PASS',
    'DB_HOST',
    'RABBITMQ_URL',
    'RABBITMQ_HOST',
    'RABBITMQ_PASSWORD',
    'ADMIN_PASSWORD',
  ];
  let errors = 0;
  // PORT brings an error even where the secret itself is accepted.
  for (const name of names)
    for (const secret of secrets)
      for (const env of [
        { [name]: secret },
        { [name]: secret, PORT: 'x' },
        { ...five, [name]: secret, DB_PORT: 'x' },
      ])
        try {
          loadConfig({ DATABASE_URL, ...env });
        } catch (error) {
          errors++;
          t.ok(error instanceof ConfigError, `${name}=${secret}`);
          t.notMatch(error, { message: 'hunter2' }, `${name}=${secret}`);
          t.notMatch(error instanceof Error && error.stack, 'hunter2');
        }
  t.ok(errors >= 2 * names.length * secrets.length, `${errors} errors`);
});
