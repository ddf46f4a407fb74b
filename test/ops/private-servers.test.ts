/** Private servers survive being killed, with their data. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import amqp from 'amqplib';
import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { freePort, whoAnswers } from '../../ops/ports.ts';
import { startMysql, startRabbitmq, startRedis, stopServer } from '../../ops/private-servers.ts';
import { evaluate } from '../../testbed/rabbitmqctl.ts';
import { scratchFolder } from '../../testbed/scratch.ts';

const NAME = 'a[2] b?*{}%41#;&|<>(é)~';
const user = 'o"rd\'ers';
const password = `p'a"s\\s #;é`;

t.test('killed, started again, stopped: the data stay', async (t) => {
  // Characters that mean something to a shell, a URL, a pattern or a configuration file, and a blank.
  const folder = join(
    scratchFolder(t, () => stopAll()),
    NAME,
  );
  const places = await Promise.all(
    ['mysql', 'redis', 'rabbitmq'].map(async (name) => ({
      folder: join(folder, name),
      port: await freePort(),
    })),
  );
  const [mysql, redis, rabbitmq] = places;
  if (!mysql || !redis || !rabbitmq) throw new Error('Three places are expected.');
  const stopAll = () => Promise.all(places.map((place) => stopServer(place.folder)));
  const startAll = () =>
    Promise.all([
      startMysql({ ...mysql, user, password, database: 'or`ders' }),
      startRedis({ ...redis, password, databases: 20 }),
      startRabbitmq({ ...rabbitmq, user, password }),
    ]);

  const inMysql = async (statement: string) => {
    const connection = await createConnection({
      port: mysql.port,
      user,
      password,
      database: 'or`ders',
    });
    const [rows] = await connection.query(statement);
    await connection.end();
    return rows;
  };
  const inRedis = async <T>(work: (client: Redis) => Promise<T>) => {
    const client = new Redis({ port: redis.port, password, db: 19 });
    const result = await work(client);
    client.disconnect();
    return result;
  };
  const inRabbitmq = async <T>(work: (channel: amqp.ConfirmChannel) => Promise<T>) => {
    const connection = await amqp.connect({ port: rabbitmq.port, username: user, password });
    const result = await work(await connection.createConfirmChannel());
    await connection.close();
    return result;
  };

  const first = await startAll();
  await inMysql('CREATE TABLE t (id INT PRIMARY KEY)');
  await inMysql('INSERT INTO t VALUES (7)');
  t.match(await inMysql('SELECT @@character_set_database AS name'), [{ name: 'utf8mb4' }]);
  await inRedis((client) => client.set('key', 'value'));
  await inRabbitmq(async (channel) => {
    await channel.assertQueue('q', { durable: true });
    channel.sendToQueue('q', Buffer.from('message'), { persistent: true });
    await channel.waitForConfirms();
  });
  t.strictSame(await startAll(), first, 'what runs is found, not started twice');
  for (const { folder } of places) t.ok(existsSync(join(folder, 'server.pid')));

  const check = async (how: string) => {
    t.match(await inMysql('SELECT id FROM t'), [{ id: 7 }], `MySQL, ${how}`);
    t.equal(await inRedis((client) => client.get('key')), 'value', `Redis, ${how}`);
    const queue = await inRabbitmq((channel) => channel.checkQueue('q'));
    t.equal(queue.messageCount, 1, `RabbitMQ, ${how}`);
  };
  // RabbitMQ 3.10 keeps a new queue's record in memory for a moment, which ends with a SIGKILL.
  await evaluate(rabbitmq.folder, 'ok = mnesia:sync_log()');
  for (const { pid } of first) process.kill(pid, 'SIGKILL');
  const second = await startAll();
  for (const { pid } of first) t.notOk(second.some((one) => one.pid === pid));
  await check('killed');

  t.strictSame(await stopAll(), ['stopped', 'stopped', 'stopped']);
  for (const { port } of places) t.equal(await whoAnswers('127.0.0.1', port), 'none');
  await startAll();
  await check('stopped');
});

t.test('RabbitMQ refuses a folder that it cannot work in', async (t) => {
  for (const name of ["it's", 'a"b', '$HOME', 'a`b', 'a\\b']) {
    const folder = join(t.testdir(), name);
    await t.rejects(startRabbitmq({ folder, port: 1, user, password }), {
      message:
        /^RabbitMQ cannot work in .*, as there is ".*" in its path: move this checkout to another folder/,
    });
    t.notOk(existsSync(folder));
  }
});

t.test('a server that cannot start says why, and is gone', async (t) => {
  const port = await freePort();
  const folder = scratchFolder(t, stopServer);
  await t.rejects(startRedis({ folder, port, databases: 0 }), {
    message: /^The private redis server ended at once\. The end of .*\/server\.log:\n.*databases/s,
  });
  t.notOk(existsSync(join(folder, 'server.pid')));
});

t.test('who answers: nobody, the one expected, another', async (t) => {
  const port = await freePort();
  const folder = scratchFolder(t, stopServer);
  t.equal(await whoAnswers('127.0.0.1', port, 'redis'), 'none');
  await startRedis({ folder, port, password });
  t.equal(await whoAnswers('127.0.0.1', port, 'redis'), 'right');
  t.equal(await whoAnswers('127.0.0.1', port), 'right');
  t.equal(await whoAnswers('127.0.0.1', port, 'mysql', 300), 'wrong');
  t.equal(await whoAnswers('127.0.0.1', port, 'rabbitmq', 300), 'wrong');
});
