/** Gives each scenario its world. */
import type { Scenario } from './scenario.ts';
import type { Ground } from './servers.ts';
import { createWorld, type Processes, type World } from './world.ts';

/**
 * The kind of its world, if a scenario may take over that of another one of its kind, and leave it to the next: one with
 * nothing special, or one that is special only for its RabbitMQ.
 */
export const sharedKind = ({ world, prepare, ownWorld }: Scenario): string | undefined => {
  if (prepare || ownWorld) return undefined;
  const { rabbitmqCluster = false, ...others } = world ?? {};
  if (Object.keys(others).length > 0) return undefined;
  return rabbitmqCluster ? 'RabbitMQ cluster' : 'plain';
};

/**
 * @param isSharing whether scenarios that can have one world after the other: the start of its processes costs more CPU
 *   than a short scenario. What is judged is each scenario's own all the same.
 */
export const createWorlds = (ground: Ground, processes: Processes, isSharing: boolean) => {
  let shared: { world: World; kind: string } | undefined;
  const end = async (): Promise<void> => {
    const left = shared;
    shared = undefined;
    await left?.world.end();
  };
  return {
    enter: async (scenario: Scenario): Promise<World> => {
      if (!shared || shared.kind !== sharedKind(scenario)) {
        // Two worlds at once would take each other's jobs.
        await end();
        return createWorld(scenario.world ?? {}, processes, ground);
      }
      const { world } = shared;
      await world.renew().catch(async (error) => {
        await end();
        throw error;
      });
      return world;
    },
    /** @param isWell whether all is as promised. Nobody gets the world of a scenario that failed */
    leave: async (scenario: Scenario, world: World, isWell: boolean): Promise<void> => {
      const kind = sharedKind(scenario);
      if (isSharing && isWell && kind !== undefined) shared = { world, kind };
      else {
        shared = undefined;
        await world.end();
      }
    },
    /** Ends the world that was left. */
    end,
  };
};
export type Worlds = ReturnType<typeof createWorlds>;
