import { UserError } from '../errors.ts';
import { packagePath } from '../files/packagePath.ts';
import { embodimentOf } from '../robot/calibration.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import type { SceneIndex } from './sceneIndex.ts';
import { loadCalibration } from '../robot/calibrationFile.ts';

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
    throw new UserError(`${SIM_CALIBRATION}: has no camera ${name}; there are ${there}`, {
      kind: 'missing',
      subject: SIM_CALIBRATION,
      fields: [name],
    });
  });
  return { ...embodiment, cameras };
}

/** Joints of an arm in the embodiment, and in the scene, where each finger has its own. */
const PER_ARM = 7;
const PER_ARM_IN_SCENE = 8;

const quoted = (names: Iterable<string>) => Array.from(names, (name) => `"${name}"`).join(', ');

/**
 * The embodiment in a scene: the ranges of arm joints are limited to the scene's. A camera that the scene
 * lacks is left out if it is optional; otherwise it is an error.
 */
export function embodimentIn(
  { cameras: there, ranges }: SceneIndex,
  embodiment: Embodiment,
  origin: string,
  optionalCameras: readonly string[] = [],
): Embodiment {
  const lacking = embodiment.cameras
    .map(({ name }) => name)
    .filter((name) => !there.has(name) && !optionalCameras.includes(name));
  if (lacking.length > 0)
    throw new UserError(
      `Scene ${origin} lacks the camera${lacking.length > 1 ? 's' : ''} ${quoted(lacking)}; ` +
        `${there.size > 0 ? `it has ${quoted(there.keys())}` : 'it names none'}. ` +
        `Name cameras so in the MJCF: what is asked for looks through them.`,
      { kind: 'missing', subject: origin, fields: lacking },
    );
  const joints = embodiment.joints.map((joint, index) => {
    if (joint.kind === 'gripper') return joint;
    const [lower, upper] =
      ranges[PER_ARM_IN_SCENE * Math.floor(index / PER_ARM) + (index % PER_ARM)];
    return { ...joint, lower: Math.max(joint.lower, lower), upper: Math.min(joint.upper, upper) };
  });
  const cameras = embodiment.cameras.filter(({ name }) => there.has(name));
  return { ...embodiment, joints, cameras };
}
