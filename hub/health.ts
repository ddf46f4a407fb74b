/** What a hub says of itself to probes. */
import type { Observer } from '../process/observer.ts';
import { createProbes, type Work, watchServers } from '../process/probes.ts';

/**
 * A hub is at work while it is connected to MySQL: it leads, or waits to take over from the one that does.
 * @returns what listens to the observer of the process, `connected` to be called once it is, and the pages for probes
 */
export const hubHealth = () => {
  const servers = watchServers({ mysql: 'MySQL', rabbitmq: 'RabbitMQ' });
  let isConnected = false;
  let leads = false;
  let eventsPass = true;
  const listener: Partial<Observer> = {
    ...servers.listener,
    hubLeads: () => {
      leads = true;
    },
    hubInterrupted: () => {
      isConnected = false;
      leads = false;
    },
    eventsDelayed: () => {
      eventsPass = false;
    },
    eventsPassAgain: () => {
      eventsPass = true;
    },
  };
  const work = (): Work => {
    const states = servers.states();
    return {
      isAtWork: isConnected,
      isWell: eventsPass && Object.values(states).every(({ ok }) => ok),
      details: { leading: leads ? 'yes' : 'no', publishing: eventsPass ? 'yes' : 'no', ...states },
    };
  };
  const connected = () => {
    isConnected = true;
  };
  return { listener, connected, ...createProbes(work) };
};
