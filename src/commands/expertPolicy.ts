import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import { trajectoryPolicy } from '../runtime/trajectoryPolicy.ts';
import { expertTrajectory } from '../sim/expert.ts';
import type { SimulatedAloha } from '../sim/simulatedAloha.ts';

/** What episodes name the scripted expert. */
export const EXPERT = 'expert';

/** Rows of an expert's chunk. */
export const EXPERT_HORIZON = 50;

/** What the shipped policy sees: the expert's episodes are demonstrations for it. */
export const EXPERT_CAMERAS = ['cam_high', 'cam_left_wrist', 'cam_right_wrist'];

/** The scripted expert as a policy for one attempt. */
export const expertPolicy = (sim: SimulatedAloha): ChunkPolicy =>
  trajectoryPolicy({
    version: EXPERT,
    cameras: EXPERT_CAMERAS,
    horizon: EXPERT_HORIZON,
    controlRate: sim.embodiment.controlRate,
    plan: () => expertTrajectory(sim),
  });
