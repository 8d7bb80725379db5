import type { ChunkPolicy, Observation } from '../policy/chunkPolicy.ts';
import { type Calibration, embodimentOf } from '../robot/calibration.ts';
import type { Robot } from '../robot/robot.ts';
import { awaitObservation } from '../control/awaitObservation.ts';
import { createSynchroniser } from '../control/synchroniser.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import type { FitCase, RobotCase, SampledCase } from './case.ts';

/** The policy's cameras that the robot has, in the policy's order. */
export const camerasOfBoth = (bundle: Bundle, { embodiment }: Robot) =>
  bundle.cameras.filter((camera) => embodiment.cameras.some(({ name }) => name === camera));

/**
 * Takes one observation of a robot; `start` starts its sensors if that is needed. Throws a `UserError` that
 * names missing sources.
 */
export async function observeOnce(
  robot: Robot,
  cameras: readonly string[],
  prompt: string,
  start: () => Promise<void> = () => Promise.resolve(),
): Promise<Observation> {
  const names = robot.embodiment.joints.map(({ name }) => name);
  const synchroniser = createSynchroniser(names, robot.clock);
  robot.observe(synchroniser);
  await start();
  return (await awaitObservation({ robot, synchroniser, cameras, prompt }))!;
}

/** Builds the case of a robot from its calibration and an observation. */
export async function robotCase(
  calibration: Calibration,
  { joints, frames }: Observation,
): Promise<RobotCase> {
  const pictures = frames.map(async (frame) => ({
    camera: frame.camera,
    pixels: await frame.pixels(),
  }));
  return {
    robot: embodimentOf(calibration),
    arms: calibration.joints.map(({ arm }) => arm),
    position: joints.position,
    pictures: await Promise.all(pictures),
    exposure: new Map(calibration.cameras.map(({ name, exposure }) => [name, exposure])),
  };
}

/** Builds the case from a policy, the robot's calibration and an observation. */
export const fitCase = async (
  bundle: Bundle,
  calibration: Calibration,
  observation: Observation,
): Promise<FitCase> => ({
  ...(await robotCase(calibration, observation)),
  policy: bundle,
  prompt: observation.prompt,
});

/** Adds the policy's first chunk from zero noise, [horizon, joints]. */
export const withChunk = async <Case extends RobotCase>(
  fit: Case,
  policy: ChunkPolicy,
  observation: Observation,
): Promise<SampledCase<Case>> => ({
  ...fit,
  chunk: (await policy.sample(observation, 'zero')).actions,
});
