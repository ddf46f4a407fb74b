/**
 * Why the broker refuses a connection after the log-in: a limit is reached, the virtual host does not exist, or the
 * account has no rights in it. amqplib 2.3 reports only that a ConnectionClose came instead of the expected answer, and
 * shows the frame with the reason to nobody. So this file, and no other, reaches into amqplib. Its test fails if a
 * newer version of amqplib reports the reason by itself, or has changed inside.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

interface Frame {
  fields?: { replyCode?: number; replyText?: string };
}
type Step = (this: unknown, callback: (error: Error | null, frame: Frame | null) => void) => void;

const require = createRequire(import.meta.url);
const TOLD = Symbol('tells what the broker says');

/** Makes the handshakes of all connections fail with the broker's own sentence and its reply code as `code`. */
export const tellRefusals = (): void => {
  // The package exports no more than its entry.
  const path = join(dirname(require.resolve('amqplib')), 'lib', 'connection.js');
  const { Connection }: { Connection: { prototype: { step: Step & { [TOLD]?: boolean } } } } = require(path);
  const { step } = Connection.prototype;
  if (step[TOLD]) return;
  const telling: Step = function (callback) {
    step.call(this, (error, frame) => {
      const { replyCode, replyText } = frame?.fields ?? {};
      if (error || replyCode === undefined) return callback(error, frame);
      callback(Object.assign(new Error(`${replyCode} ${replyText}`), { code: replyCode }), null);
    });
  };
  Connection.prototype.step = Object.assign(telling, { [TOLD]: true });
};
