import { UserError } from '../errors.ts';
import { packagePath } from '../packagePath.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { loadEmbodiment } from '../robot/loadEmbodiment.ts';

const FILE = packagePath('calibration/aloha-sim.yaml');

/** The simulated ALOHA's embodiment with the cameras that are named, or all of them. */
export async function simulatedEmbodiment(names?: readonly string[]): Promise<Embodiment> {
  const embodiment = await loadEmbodiment(FILE);
  if (!names) return embodiment;
  const cameras = names.map((name) => {
    const camera = embodiment.cameras.find((known) => known.name === name);
    if (camera) return camera;
    const there = embodiment.cameras.map((known) => known.name).join(', ');
    throw new UserError(`${FILE}: has no camera ${name}; there are ${there}`);
  });
  return { ...embodiment, cameras };
}
