// Loaded into a consumer: when the scenario asks for it MySQL dies with a COMMIT on its way, under way, or just done.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isAskedFor } from './asked-for.mjs';

/** About as long as a COMMIT takes. */
const COMMIT_MS = 3;

const require = createRequire(import.meta.url);
const Connection = require(join(dirname(require.resolve('mysql2')), 'lib/base/connection.js'));
const { query } = Connection.prototype;
Connection.prototype.query = function (sql, ...rest) {
  const sent = query.call(this, sql, ...rest);
  if ((sql.sql ?? sql) === 'commit' && isAskedFor('mysql-death-in-commit')) {
    // The process stands still meanwhile: whatever MySQL answers is not read before it is dead.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.random() * COMMIT_MS);
    process.kill(Number(readFileSync('mysql/server.pid', 'utf8')), 'SIGKILL');
  }
  return sent;
};
