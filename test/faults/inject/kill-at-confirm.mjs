// Loaded into an API: a worker dies as it publishes a message, with the message on its way to the broker, or when the
// broker's confirm has come and the client has no answer yet, as the scenario asks for it.
import cluster from 'node:cluster';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isAskedFor } from './asked-for.mjs';

const require = createRequire(import.meta.url);
const { ConfirmChannel } = require(join(dirname(require.resolve('amqplib')), 'lib/channel_model.js'));
const { publish } = ConfirmChannel.prototype;
const die = () => process.kill(process.pid, 'SIGKILL');

if (cluster.isWorker)
  ConfirmChannel.prototype.publish = function (exchange, queue, body, options, settle) {
    const confirmed = (error) => {
      if (!error && isAskedFor('death-at-confirm')) die();
      settle(error);
    };
    const sent = publish.call(this, exchange, queue, body, options, confirmed);
    if (isAskedFor('death-at-publish')) die();
    // amqplib hands messages to the socket when the turn is over.
    if (isAskedFor('death-before-confirm')) setImmediate(() => setImmediate(die));
    return sent;
  };
