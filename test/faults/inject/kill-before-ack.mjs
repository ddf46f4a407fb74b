// Loaded into a consumer: now and then it dies after a COMMIT, just before it acknowledges the job.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const { Channel } = require(join(dirname(require.resolve('amqplib')), 'lib/channel_model.js'));
const { ack } = Channel.prototype;
Channel.prototype.ack = function (...args) {
  if (Math.random() < Number(process.env.KILL_BEFORE_ACK)) process.kill(process.pid, 'SIGKILL');
  return ack.apply(this, args);
};
