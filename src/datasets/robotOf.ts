import { UserError, invalid, listed } from '../errors.ts';
import { embodimentOf } from '../robot/calibration.ts';
import { loadCalibration } from '../robot/calibrationFile.ts';
import type { Camera, Embodiment } from '../robot/embodiment.ts';

/** What a data set says of its robot, and where it says so. */
export interface DatasetRobot {
  /** Names of the joints in the order of its vectors, where it has names. */
  names: string[] | undefined;
  joints: number;
  /** Control steps a second; undefined where it does not say. */
  rate: number | undefined;
  cameras: Pick<Camera, 'name' | 'width' | 'height'>[];
  /** Where joints and rate are said, as `DIR/meta/info.json: observation.state`. */
  source: { joints: string; rate: string };
}

/** Names as they are compared: lerobot ends some with `.pos`. */
const plain = (name: string) => name.replace(/\.pos$/, '');

/** Where each of a robot's joints is in a data set's vectors. */
function orderOf({ joints }: Embodiment, { names, source }: DatasetRobot): number[] {
  if (!names) return joints.map((_, i) => i);
  const known = names.map(plain);
  const lacking = joints.filter(({ name }) => !known.includes(name));
  if (lacking.length > 0)
    throw invalid(
      source.joints,
      `its names lack joints of the calibration; rename them in either:${listed(lacking.map(({ name }) => name))}\nIt has ${known.join(', ')}`,
    );
  return joints.map(({ name }) => known.indexOf(name));
}

/** A robot by its calibration, with the cameras of a data set; and where its joints are in the set's vectors. */
export async function calibratedRobot(
  path: string,
  robot: DatasetRobot,
): Promise<{ embodiment: Embodiment; order: number[] }> {
  const calibrated = embodimentOf(await loadCalibration(path));
  const { joints, cameras, controlRate } = calibrated;
  if (joints.length !== robot.joints)
    throw new UserError(`${robot.source.joints} has ${robot.joints} joints, ${path} has ${joints.length}; give the calibration of its robot`, { kind: 'mismatch', subject: robot.source.joints, fields: [path] }); // prettier-ignore
  if (robot.rate !== undefined && robot.rate !== controlRate)
    throw new UserError(`${robot.source.rate} is ${robot.rate}, controlRate in ${path} is ${controlRate}; give a calibration of the same rate`, { kind: 'mismatch', subject: robot.source.rate, fields: [path] }); // prettier-ignore
  const own = robot.cameras.map((camera) => {
    const known = cameras.find(({ name }) => name === camera.name);
    return { ...known, ...camera };
  });
  const embodiment = { ...calibrated, cameras: own };
  return { embodiment, order: orderOf(embodiment, robot) };
}

/** The error of a data set that does not say what its robot is. */
export const unknownRobot = (folder: string) =>
  new UserError(
    `${folder} does not say what its joints are (kinds, limits, home); give the robot's calibration with --calibration FILE`,
    { kind: 'unsaid', subject: folder, fields: ['--calibration'] },
  );

/**
 * Throws a `UserError` where a joint is farther outside its limits than half of their range: other units, another
 * robot or another order. `where` names the vector, as `FILE: action, row 3`.
 */
export function checkWithin({ joints }: Embodiment, position: Float64Array, where: () => string) {
  for (const [i, { name, kind, lower, upper }] of joints.entries()) {
    const margin = (upper - lower) / 2;
    const value = position[i];
    if (value >= lower - margin && value <= upper + margin) continue;
    const unit = { arm: 'rad', prismatic: 'm', gripper: 'as an opening, 0 to 1' }[kind];
    throw invalid(
      where(),
      `${name} is ${value}, and goes from ${lower} to ${upper} (${unit}); is it another unit, or another robot?`,
    );
  }
}
