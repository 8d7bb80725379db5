import { UserError } from '../errors.ts';
import type { Bundle } from '../policy/bundle.ts';
import type { ChunkPolicy, Observation } from '../policy/chunkPolicy.ts';
import { type Calibration, embodimentOf } from '../robot/calibration.ts';
import type { Robot } from '../robot/robot.ts';
import type { FitCase } from './fit.ts';
import { createSynchroniser, describeLacks } from './synchroniser.ts';

/** Seconds that a robot has to show its joints and cameras. */
const LONGEST_WAIT = 10;

/** The policy's cameras that the robot has, in the policy's order. */
export const camerasOfBoth = (bundle: Bundle, { embodiment }: Robot) =>
  bundle.cameras.filter((camera) => embodiment.cameras.some(({ name }) => name === camera));

/**
 * One observation of a robot that `start` makes sense, where that is needed. Throws a `UserError` that
 * says what does not come.
 */
export async function observeOnce(
  robot: Robot,
  cameras: readonly string[],
  prompt: string,
  start: () => Promise<void> = () => Promise.resolve(),
): Promise<Observation> {
  const { clock, embodiment } = robot;
  const synchroniser = createSynchroniser(embodiment.joints.map(({ name }) => name));
  robot.observe(synchroniser);
  await start();
  const period = BigInt(Math.round(1e9 / embodiment.controlRate));
  const deadline = clock.now() + BigInt(LONGEST_WAIT * 1e9);
  for (;;) {
    const now = clock.now();
    const taken = synchroniser.take(cameras, prompt, now);
    if ('observation' in taken) return taken.observation;
    if (now >= deadline)
      throw new UserError(
        `no observation within ${LONGEST_WAIT} s: ${describeLacks(taken.lacks, synchroniser.refused)}; check that the robot's driver and cameras are running`,
      );
    await clock.until(now + period);
  }
}

/** What a policy is compared with: the robot as it is calibrated, and as it was observed. */
export async function fitCase(
  bundle: Bundle,
  calibration: Calibration,
  { joints, frames }: Observation,
): Promise<FitCase> {
  const pictures = frames.map(async (frame) => ({
    camera: frame.camera,
    pixels: await frame.pixels(),
  }));
  return {
    policy: bundle,
    robot: embodimentOf(calibration),
    position: joints.position,
    pictures: await Promise.all(pictures),
    exposure: new Map(calibration.cameras.map(({ name, exposure }) => [name, exposure])),
  };
}

/** The case with the chunk, [horizon, joints], that the policy would begin with from zero noise. */
export const withChunk = async (
  fit: FitCase,
  policy: ChunkPolicy,
  observation: Observation,
): Promise<FitCase> => ({ ...fit, chunk: (await policy.sample(observation, 'zero')).actions });
