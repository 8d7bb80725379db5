import { ALOHA_CAMERAS } from '../robot/aloha.ts';
import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import { trajectoryPolicy } from '../control/trajectoryPolicy.ts';
import { expertTrajectory } from '../sim/expert.ts';
import type { SimulatedAloha } from '../sim/simulatedAloha.ts';

/** What episodes name the scripted expert. */
export const EXPERT = 'expert';

/** Rows of an expert's chunk. */
export const EXPERT_HORIZON = 50;

/** Rows of an expert's chunk that are played where nobody asks for another number. */
export const EXPERT_EXECUTE_STEPS = 25;

/** What the shipped policy sees: the expert's episodes are demonstrations for it. */
export const EXPERT_CAMERAS = ALOHA_CAMERAS;

/**
 * The scripted expert as a policy for one attempt; a chunk's first `executeSteps` rows are played. It
 * needs no picture: those that the simulator takes are there to be recorded.
 */
export const expertPolicy = (sim: SimulatedAloha, executeSteps: number): ChunkPolicy =>
  trajectoryPolicy({
    version: EXPERT,
    cameras: EXPERT_CAMERAS.filter((name) =>
      sim.embodiment.cameras.some((camera) => camera.name === name),
    ),
    horizon: EXPERT_HORIZON,
    executeSteps,
    controlRate: sim.embodiment.controlRate,
    plan: () => expertTrajectory(sim),
  });
