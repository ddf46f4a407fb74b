/** Measures how much CPU 1,000 writes take, and who uses it. */
import { cpuSeconds } from './processes.ts';
import type { System } from './system.ts';

/** The processes of a service and the servers that it uses, by what they are. */
const groupsOf = (processes: Record<string, number>, { pids }: System): Record<string, number[]> => {
  const ofKind = (kind: string) =>
    Object.entries(processes).flatMap(([name, pid]) => (name.startsWith(kind) ? [pid] : []));
  return {
    API: ofKind('API'),
    consumers: ofKind('consumer'),
    hub: ofKind('hub'),
    MySQL: [pids.mysql],
    Redis: [pids.redis],
    RabbitMQ: [pids.rabbitmq],
  };
};

/**
 * Begins to count CPU.
 * @returns a function of how many writes were made since then, which returns the seconds of CPU that 1,000 of them took
 */
export const countCpu = (processes: Record<string, number>, system: System) => {
  const groups = groupsOf(processes, system);
  const used = () => Object.values(groups).map(cpuSeconds);
  const before = used();
  return (writes: number): { total: number; shares: string } => {
    const perThousand = used().map((seconds, i) => ((seconds - (before[i] ?? 0)) / writes) * 1_000);
    return {
      total: perThousand.reduce((sum, seconds) => sum + seconds, 0),
      shares: Object.keys(groups)
        .map((name, i) => `${name} ${perThousand[i]?.toFixed(2)}`)
        .join(', '),
    };
  };
};
