import { UserError } from '../errors.ts';
import { packagePath } from '../packagePath.ts';
import { embodimentOf, loadCalibration } from '../robot/calibration.ts';
import type { Embodiment } from '../robot/embodiment.ts';

/** The simulated ALOHA's calibration. */
export const SIM_CALIBRATION = packagePath('calibration/aloha-sim.yaml');

/** The simulated ALOHA's embodiment with the cameras that are named, or all of them. */
export async function simulatedEmbodiment(names?: readonly string[]): Promise<Embodiment> {
  const embodiment = embodimentOf(await loadCalibration(SIM_CALIBRATION));
  if (!names) return embodiment;
  const cameras = names.map((name) => {
    const camera = embodiment.cameras.find((known) => known.name === name);
    if (camera) return camera;
    const there = embodiment.cameras.map((known) => known.name).join(', ');
    throw new UserError(`${SIM_CALIBRATION}: has no camera ${name}; there are ${there}`);
  });
  return { ...embodiment, cameras };
}
