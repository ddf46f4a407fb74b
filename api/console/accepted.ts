/** Counts the writes that this process accepts, and notes once a second in Redis how many there were since. */
import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Observer } from '../../process/observer.ts';

const NOTE_INTERVAL_MS = 1_000;

export interface Counter extends Pick<Observer, 'writeAccepted'> {
  /** How many there were since the last call. */
  take(): number;
}

/** Makes a listener of the observer: all it does for a write is to add one. */
export const createCounter = (): Counter => {
  let writes = 0;
  return {
    writeAccepted: () => {
      writes++;
    },
    take: () => {
      const taken = writes;
      writes = 0;
      return taken;
    },
  };
};

const plugin: FastifyPluginAsync<{ counter: Counter }> = async (app, { counter }) => {
  const noting = setInterval(() => {
    const writes = counter.take();
    if (writes > 0) void app.cache.accepted.note(writes);
  }, NOTE_INTERVAL_MS).unref();
  app.addHook('onClose', async () => clearInterval(noting));
};
export const noteAccepted = fastifyPlugin(plugin, {
  name: 'accepted',
  fastify: '5.x',
  dependencies: ['backends'],
});
