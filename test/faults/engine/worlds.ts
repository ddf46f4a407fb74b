/** Gives each scenario its world. */
import type { Scenario } from './scenario.ts';
import type { Ground } from './servers.ts';
import { createWorld, type Processes, type World } from './world.ts';

/** Whether a scenario may take over the world of another one, and leave it to the next. */
export const canShare = ({ world, prepare, ownWorld }: Scenario): boolean => !world && !prepare && !ownWorld;

/**
 * @param isSharing whether scenarios that can have one world after the other: the start of its processes costs more CPU
 *   than a short scenario. What is judged is each scenario's own all the same.
 */
export const createWorlds = (ground: Ground, processes: Processes, isSharing: boolean) => {
  let shared: World | undefined;
  const end = async (): Promise<void> => {
    const world = shared;
    shared = undefined;
    await world?.end();
  };
  return {
    enter: async (scenario: Scenario): Promise<World> => {
      if (!shared || !canShare(scenario)) {
        // Two worlds at once would take each other's jobs.
        await end();
        return createWorld(scenario.world ?? {}, processes, ground);
      }
      const world = shared;
      await world.renew().catch(async (error) => {
        await end();
        throw error;
      });
      return world;
    },
    /** @param isWell whether all is as promised. Nobody gets the world of a scenario that failed */
    leave: async (scenario: Scenario, world: World, isWell: boolean): Promise<void> => {
      if (isSharing && isWell && canShare(scenario)) shared = world;
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
