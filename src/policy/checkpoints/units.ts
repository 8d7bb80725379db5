import { z } from 'zod';
import { UserError, listed } from '../../errors.ts';
import { readJson, validate } from '../../validate.ts';
import type { TransformConfig } from '../vectors/transform.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Choice } from './choice.ts';
import type { Embodied } from './embodiments.ts';

/** Units of an arm's joints in the data that a policy was trained on; grippers are percent in lerobot's. */
export const UNITS = ['radians', 'degrees', 'percent'] as const;
export type Units = (typeof UNITS)[number];

/** What the user says of units. */
export interface UnitOptions {
  units?: Units;
  /** lerobot's calibration file of the arm. */
  ranges?: string;
}

const HELP = [
  "--units degrees    lerobot's use_degrees: true, its default since 0.5",
  "--units percent    of each joint's range, −100 to 100 (use_degrees: false, the default before); say --ranges too",
  '--units radians    joints in rad and grippers from 0 to 1, as Nalu has them',
];

const PERCENT = 100;
/** Ticks of a turn, as lerobot counts them for these servos. */
const TURN = 4095;

const rangesSchema = z.record(
  z.string(),
  z.looseObject({
    drive_mode: z.int().min(0).max(1).default(0),
    range_min: z.number(),
    range_max: z.number(),
  }),
);

/** Percent per rad of each joint, by the ranges that lerobot measured when it calibrated an arm. */
async function percents(path: string, joints: readonly string[]): Promise<Record<string, number>> {
  const ranges = validate(rangesSchema, await readJson(path), path);
  return Object.fromEntries(
    joints.map((joint) => {
      const range = ranges[joint];
      if (!range || range.range_max <= range.range_min)
        throw new UserError(
          `${path} has no range of ${joint}; give lerobot's calibration file of the arm`,
          { kind: 'invalid', subject: path, fields: [joint] },
        );
      const half = ((range.range_max - range.range_min) / 2) * ((2 * Math.PI) / TURN);
      return [joint, (range.drive_mode === 1 ? -1 : 1) * (PERCENT / half)];
    }),
  );
}

/** The step from the robot's units to those of the training data, if they differ, and who says so. */
export async function unitsOf(
  { folder }: Checkpoint,
  { name, joints, hasUnits }: Embodied,
  { units, ranges }: UnitOptions,
): Promise<Choice<{ units: Units; steps: TransformConfig[] }> | undefined> {
  if (!hasUnits) {
    if (units === undefined && ranges === undefined) return undefined;
    throw new UserError(`policies for ${name} have one kind of units; leave --units and --ranges out`, { kind: 'unsupported', fields: ['--units', '--ranges'] }); // prettier-ignore
  }
  if (units === undefined)
    throw new UserError(
      `${folder} does not say in which units its joints are, and a wrong guess moves a robot wrongly. Say it:${listed(HELP)}`,
      { kind: 'unsaid', subject: folder, fields: ['--units'] },
    );
  if ((units === 'percent') !== (ranges !== undefined))
    throw new UserError(
      units === 'percent'
        ? "--units percent: of which ranges? Say --ranges FILE, lerobot's calibration file of the arm (~/.cache/huggingface/lerobot/calibration/robots/so101_follower/NAME.json)"
        : `--ranges is for --units percent alone`,
      { kind: units === 'percent' ? 'unsaid' : 'unsupported', fields: ['--ranges'] },
    );
  const arm = joints.filter((joint) => joint !== 'gripper');
  const scales = ranges === undefined ? {} : await percents(ranges, arm);
  const steps = [
    {
      type: 'units',
      scale: joints.map((joint) =>
        joint === 'gripper' ? PERCENT : (scales[joint] ?? 180 / Math.PI),
      ),
    },
  ];
  return { value: { units, steps: units === 'radians' ? [] : steps }, by: 'as you say' };
}
