/** Whose certificate is accepted, and for which host. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openDatabase } from '../../db/client.ts';
import { reasonOf } from '../../db/errors.ts';
import { migrateDatabase } from '../../db/migrate.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startOwnMysql } from '../helpers/mysql.ts';

const folder = t.testdir();
const file = (name: string) => join(folder, name);
const openssl = (command: string) =>
  execFileSync('openssl', command.split(' '), { cwd: folder, stdio: 'ignore' });

/** Makes a certificate with these alternative names, signed by an authority. */
const certify = (name: string, authority: string, names: string) => {
  openssl(`req -newkey rsa:2048 -nodes -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`);
  writeFileSync(file(`${name}.ext`), `subjectAltName=${names}`);
  openssl(
    `x509 -req -in ${name}.csr -CA ${authority}.pem -CAkey ${authority}.key -CAcreateserial -days 2 -extfile ${name}.ext -out ${name}.pem`,
  );
};
for (const authority of ['ours', 'theirs'])
  openssl(
    `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${authority} -keyout ${authority}.key -out ${authority}.pem`,
  );
certify('name', 'ours', 'DNS:localhost');
certify('address', 'ours', 'IP:127.0.0.1');
certify('wrong', 'ours', 'DNS:wrong.example,IP:127.0.0.2');
certify('stranger', 'theirs', 'DNS:localhost,IP:127.0.0.1');

const show = (name: string) => {
  copyFileSync(file(`${name}.pem`), file('shown.pem'));
  copyFileSync(file(`${name}.key`), file('shown.key'));
};
show('name');
const server = await startOwnMysql(t, [`--ssl-cert=${file('shown.pem')}`, `--ssl-key=${file('shown.key')}`]);
const env = await isolatedEnvironment(server.env);
const secure = (DB_HOST: string) =>
  loadConfig({ ...env, DB_HOST, DB_USE_SSL: 'true', NODE_EXTRA_CA_CERTS: file('ours.pem') }).mysql;

/** Connects. @returns 'yes', or why it could not */
const connects = async (host: string) => {
  const database = openDatabase(secure(host), unobserved, { connections: 1 });
  const answer = await database.ping().then(() => 'yes', reasonOf);
  await database.close();
  return answer;
};

const otherHost = /does not match certificate's altnames/;
const table: [shown: string, localhost: string | RegExp, address: string | RegExp][] = [
  ['name', 'yes', otherHost],
  ['address', otherHost, 'yes'],
  ['wrong', otherHost, otherHost],
  ['stranger', /unable to verify the first certificate/, /unable to verify the first certificate/],
];
for (const [shown, localhost, address] of table)
  t.test(`a certificate: ${shown}`, async (t) => {
    show(shown);
    await server.rows('FLUSH SSL');
    t.match(await connects('localhost'), localhost);
    t.match(await connects('127.0.0.1'), address);
    const migrated = await migrateDatabase(secure('127.0.0.1'), { waitMs: 0 }).then(() => 'yes', reasonOf);
    t.match(migrated, address, 'for a migration too');
  });
