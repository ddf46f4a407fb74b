/**
 * What the broker says when it refuses a connection that it had let log in: at a limit, for want of a virtual host
 * or of rights in it. amqplib 2.3 keeps only that a ConnectionClose came instead of the answer that it expected, and
 * shows the frame to nobody; so this is the one place that reaches into it. The test of this file fails where a newer
 * version needs it no more, or has it no more.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

interface Frame {
  fields?: { replyCode?: number; replyText?: string };
}
type Step = (this: unknown, callback: (error: Error | null, frame: Frame | null) => void) => void;

const require = createRequire(import.meta.url);
const TOLD = Symbol('tells what the broker says');

/** Has the handshakes of all connections fail with what the broker says, and its reply code. */
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
