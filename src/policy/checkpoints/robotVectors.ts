import { UserError } from '../../errors.ts';
import type { TransformsConfig } from '../vectors/transforms.ts';
import { camerasOf } from './cameras.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Choice } from './choice.ts';
import type { Embodied } from './embodiments.ts';
import type { Family } from './family.ts';
import { normalisationOf } from './normalisation.ts';
import type { ImportOptions } from './options.ts';
import { checkJointNames, robotOf } from './robot.ts';
import { readStatistics } from './statistics.ts';
import { type Units, unitsOf } from './units.ts';
import { embodimentTransforms } from './vectors.ts';

/** The robot that a checkpoint was trained for, and how its vectors are read. */
export interface RobotVectors {
  robot: Choice<Embodied>;
  cameras: Choice<[string, ...string[]]>;
  /** What the statistics were read from, and who says how they are used. */
  statistics: Choice<string>;
  transforms: TransformsConfig;
  /** Of a robot for which openpi has a space of its own. */
  adapt?: Choice<boolean>;
  /** Of a robot for which lerobot has several. */
  units?: Choice<Units>;
  /** Where actions may be relative to the state. */
  delta?: Choice<boolean>;
}

/**
 * As openpi's and lerobot's files say them; `usual` is how the family normalises by itself. Throws a `UserError` for
 * what they leave open, and for what contradicts itself.
 */
export async function robotVectors(
  checkpoint: Checkpoint,
  family: Family,
  usual: string,
  options: ImportOptions,
): Promise<RobotVectors> {
  if (options.dataset !== undefined)
    throw new UserError(
      `--dataset ${options.dataset}: only an OpenVLA has statistics of several data sets; leave it out`,
      { kind: 'unsupported', subject: '--dataset' },
    );
  const statistics = await readStatistics(checkpoint, options.stats);
  const robot = robotOf(checkpoint, statistics, options.embodiment);
  checkJointNames(checkpoint, robot.value);
  const normalisation = normalisationOf(checkpoint, family, usual, robot.value, statistics);
  const cameras = camerasOf(checkpoint, robot.value, options.cameras);
  const { transforms, adapt, delta } = embodimentTransforms(checkpoint, robot.value, options);
  const units = await unitsOf(checkpoint, robot.value, options);
  return {
    robot,
    cameras,
    statistics: { value: statistics.source, by: normalisation.by },
    transforms: [...(units?.value.steps ?? []), ...transforms, normalisation.value],
    adapt,
    units: units && { value: units.value.units, by: units.by },
    delta,
  };
}
