import { UserError, listed } from '../../errors.ts';
import type { TransformsConfig } from '../transforms.ts';
import type { Checkpoint } from './checkpoint.ts';

/** A robot whose published policies Nalu knows how to read. */
export interface Embodied {
  name: string;
  /** Of the state and action vectors, in their order. */
  joints: readonly string[];
  /** In the order of openpi's prefix: base, left wrist, right wrist. */
  cameras: readonly [string, ...string[]];
  /** The robot's names of cameras by those in published configurations. */
  cameraNames: Readonly<Record<string, string>>;
  /** openpi's mask of relative joints. */
  deltaMask: [number, ...number[]];
}

const ARM = [
  'waist',
  'shoulder',
  'elbow',
  'forearm_roll',
  'wrist_angle',
  'wrist_rotate',
  'gripper',
];

export const EMBODIMENTS: Record<'aloha', Embodied> = {
  aloha: {
    name: 'aloha',
    joints: ['left', 'right'].flatMap((side) => ARM.map((joint) => `${side}_${joint}`)),
    cameras: ['cam_high', 'cam_left_wrist', 'cam_right_wrist'],
    cameraNames: {
      base_0_rgb: 'cam_high',
      left_wrist_0_rgb: 'cam_left_wrist',
      right_wrist_0_rgb: 'cam_right_wrist',
      top: 'cam_high',
      high: 'cam_high',
    },
    deltaMask: [6, -1, 6, -1],
  },
};

/** A choice, and who made it. */
export interface Choice<T> {
  value: T;
  by: string;
}

/** What the user says of a policy's vectors; undefined where the checkpoint is to say it. */
export interface VectorOptions {
  adaptToPi?: boolean;
  deltaActions?: boolean;
}

/** Names that tell nothing of a joint, as lerobot's recordings have them. */
const ANONYMOUS = /^(motors?|joints?|main|actions?|dim)?[_. ]*\d*$/;

/** Throws a `UserError` for a checkpoint that names other joints than the robot's. */
export function checkJointNames({ config, configPath }: Checkpoint, { name, joints }: Embodied) {
  const found = config.action_feature_names ?? [];
  if (found.every((one) => ANONYMOUS.test(one))) return;
  const wrong = joints.flatMap((joint, i) => {
    const given = found[i]?.replace(/\.pos$/, '');
    return given === joint ? [] : [`joint ${i}: ${given ?? 'none'} in the place of ${joint}`];
  });
  if (found.length > joints.length)
    wrong.push(`${found.length} joints in the place of ${joints.length}`);
  if (wrong.length > 0)
    throw new UserError(
      `${configPath}: action_feature_names are those of another robot than ${name}:${listed(wrong)}\nTake a policy that was trained on this robot; if they are the same joints under other names, rename them there`,
    );
}

/** Cameras of the prefix, in its order: those the user names, those of the configuration, or openpi's. */
export function camerasOf(
  { config, configPath }: Checkpoint,
  embodiment: Embodied,
  given?: readonly string[],
): Choice<[string, ...string[]]> {
  const unique = (names: readonly string[], by: string) => {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined || names.length === 0)
      throw new UserError(
        `${by}: ${twice === undefined ? 'no camera' : `camera ${twice} twice`}; say --cameras with the robot's names in the policy's order, as ${embodiment.cameras.join(',')}`,
      );
    return { value: [...names] as [string, ...string[]], by };
  };
  if (given) return unique(given, '--cameras');
  const features = Object.keys(config.input_features ?? {})
    .filter((feature) => /^observation\.images?\b/.test(feature))
    .map((feature) => feature.replace(/^observation\.images?\.?/, ''))
    // Stand-ins for cameras that are always missing.
    .filter((camera) => !camera.startsWith('empty_camera'));
  if (features.length === 0) return unique(embodiment.cameras, `openpi's for ${embodiment.name}`);
  return unique(
    features.map((camera) => embodiment.cameraNames[camera] ?? camera),
    `input_features in ${configPath}`,
  );
}

/** A choice that must be made knowingly: by the user, or else by the checkpoint's configuration. */
function choose(given: boolean | undefined, ...said: [string, boolean | null | undefined][]) {
  if (given !== undefined) return { value: given, by: 'as you say' };
  const [field, value] = said.find(([, one]) => typeof one === 'boolean') ?? [];
  return typeof value === 'boolean' ? { value, by: `${field} in config.json` } : undefined;
}

const ADAPT_HELP = [
  "--adapt-to-pi       joints flipped and grippers as motor angles, the space that π0 was pretrained in (openpi's adapt_to_pi: true, its default for ALOHA)",
  "--no-adapt-to-pi    ALOHA's joints and gripper openings as they are (adapt_to_pi: false; what lerobot trains on an ALOHA data set)",
];
const DELTA_HELP = [
  "--delta-actions     arm joints relative to the state at the chunk's start, grippers absolute (openpi's use_delta_joint_actions: true, its default for ALOHA)",
  "--no-delta-actions  absolute positions (use_delta_joint_actions: false, as in openpi's pi0_aloha_sim; lerobot's default)",
];

/** Relative joints, in openpi's notation, by lerobot's list of what is left absolute. */
function maskOf({ config, configPath }: Checkpoint, { joints, deltaMask }: Embodied) {
  const excluded = config.relative_exclude_joints;
  if (!config.use_relative_actions || !excluded || excluded.join() === 'gripper') return deltaMask;
  if (excluded.length === 0) return [joints.length] as [number];
  throw new UserError(
    `${configPath}: relative_exclude_joints is ${excluded.join(', ')}; Nalu knows policies that leave "gripper" absolute, or nothing`,
  );
}

/** Checkpoints of lerobot's own adaptation measure grippers as openpi did before it changed its constants. */
const alohaOf = ({ config }: Checkpoint): TransformsConfig[number] =>
  config.adapt_to_pi_aloha ? { type: 'aloha', convention: 'lerobot' } : { type: 'aloha' };

/** The transforms before normalisation, and who chose them. */
export function embodimentTransforms(
  checkpoint: Checkpoint,
  embodiment: Embodied,
  { adaptToPi, deltaActions }: VectorOptions,
): { transforms: TransformsConfig; adapt: Choice<boolean>; delta: Choice<boolean> } {
  const { config, folder } = checkpoint;
  const adapt = choose(adaptToPi, ['adapt_to_pi_aloha', config.adapt_to_pi_aloha]);
  const delta = choose(
    deltaActions,
    ['use_delta_joint_actions_aloha', config.use_delta_joint_actions_aloha],
    ['use_relative_actions', config.use_relative_actions],
  );
  if (!adapt || !delta) {
    const unsaid = [...(adapt ? [] : ADAPT_HELP), ...(delta ? [] : DELTA_HELP)];
    throw new UserError(
      `${folder} does not say how its vectors are to be read, and a wrong guess moves a robot wrongly. Say what it was trained with:${listed(unsaid)}`,
    );
  }
  const transforms: TransformsConfig = [
    ...(adapt.value ? [alohaOf(checkpoint)] : []),
    ...(delta.value
      ? [{ type: 'deltaActions', mask: maskOf(checkpoint, embodiment) } as const]
      : []),
  ];
  return { transforms, adapt, delta };
}
