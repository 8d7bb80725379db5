import { UserError } from '../../../../errors.ts';
import type { Checkpoint } from '../../../checkpoints/checkpoint.ts';
import type { Choice } from '../../../checkpoints/choice.ts';
import { EMBODIMENTS, type Embodied, actionsOf } from '../../../checkpoints/embodiments.ts';
import type { ImportOptions } from '../../../checkpoints/options.ts';
import type { RobotVectors } from '../../../checkpoints/robotVectors.ts';
import type { TransformsConfig } from '../../../vectors/transforms.ts';
import { type ActionStatistics, actionStatistics } from './statistics.ts';

/** What says of other policies what an OpenVLA's data set says. */
const OTHERS = {
  adaptToPi: '--adapt-to-pi',
  deltaActions: '--delta-actions',
  units: '--units',
  ranges: '--ranges',
  stateInPrompt: '--state-in-prompt',
  steps: '--steps',
  actionTokenizer: '--action-tokenizer',
} as const satisfies Partial<Record<keyof ImportOptions, string>>;

/** Throws a `UserError` for options that an OpenVLA has no use for. */
function checkOptions({ folder }: Checkpoint, options: ImportOptions): void {
  const given = Object.entries(OTHERS).find(([option]) => options[option as keyof typeof OTHERS] !== undefined); // prettier-ignore
  if (given)
    throw new UserError(
      `${folder} is an OpenVLA, which reads neither state nor joints and has no flow; leave ${given[1]} out`,
      { kind: 'unsupported', subject: given[1] },
    );
}

/** The robot that actions like those of a data set are for: the one given, else the one that the data set is of. */
function robotOf(
  { folder }: Checkpoint,
  { dataset, source, low }: ActionStatistics,
  { embodiment }: ImportOptions,
): Choice<Embodied> {
  const known: Embodied[] = Object.values(EMBODIMENTS);
  const of = known.filter(({ assets }) => assets.test(dataset));
  const robot = embodiment === undefined ? of.at(0) : EMBODIMENTS[embodiment];
  if (!robot)
    throw new UserError(
      `${folder} was trained on ${dataset}, which names no robot that Nalu knows; say --embodiment ${known.map(({ name }) => name).join(' or ')}`,
      { kind: 'missing', subject: '--embodiment' },
    );
  const size = actionsOf(robot).length;
  if (low.length !== size)
    throw new UserError(
      `${source}: actions of ${dataset} have ${low.length} numbers, those of ${robot.name} ${size}; say another --embodiment or --dataset`,
      { kind: 'mismatch', subject: source, fields: [`${dataset}.action.q01`] },
    );
  return { value: robot, by: embodiment === undefined ? `the data set ${dataset}` : 'as you say' };
}

/** The one camera that an OpenVLA sees through. */
function cameraOf(robot: Embodied, { cameras }: ImportOptions): RobotVectors['cameras'] {
  if (cameras === undefined) return { value: [robot.cameras[0]], by: 'OpenVLA reads one' };
  if (cameras.length !== 1)
    throw new UserError(
      `--cameras ${cameras.join(',')}: an OpenVLA reads one camera; name that of its data set`,
      { kind: 'invalid', subject: '--cameras' },
    );
  return { value: [cameras[0]], by: '--cameras' };
}

/** What a robot's actions are otherwise than those of OpenVLA's data sets, in which a gripper is 1 open and 0 closed. */
const SPACES: Partial<Record<string, (actions: number) => TransformsConfig[number]>> = {
  libero: (actions) => ({ type: 'robosuiteGripper', index: actions - 1 }),
};

/** Who an OpenVLA's robot is, and what its actions are: as the statistics of a data set say. */
export async function vectorsOf(
  checkpoint: Checkpoint,
  options: ImportOptions,
): Promise<RobotVectors> {
  checkOptions(checkpoint, options);
  const statistics = await actionStatistics(checkpoint, options);
  const { dataset, source, low, high, mask } = statistics;
  const robot = robotOf(checkpoint, statistics, options);
  const space = SPACES[robot.value.name]?.(low.length);
  return {
    robot,
    cameras: cameraOf(robot.value, options),
    statistics: { value: `${dataset} in ${source}`, by: 'its q01 and q99' },
    transforms: [
      ...(space ? [space] : []),
      { type: 'bounds', state: robot.value.joints.length, actions: { low, high, mask } },
    ],
  };
}
