// Loaded into a consumer: an order of the customer "poison" ends the process when it reaches the database.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const Connection = require(join(dirname(require.resolve('mysql2')), 'lib/base/connection.js'));
const { query } = Connection.prototype;
Connection.prototype.query = function (sql, ...rest) {
  if ((sql.sql ?? sql).includes("'poison'")) process.kill(process.pid, 'SIGKILL');
  return query.call(this, sql, ...rest);
};
