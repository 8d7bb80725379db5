import { ALOHA_CAMERAS } from '../../../../robot/aloha.ts';
import { UserError, listed } from '../../../../errors.ts';
import { ALOHA_ORDER } from '../../../../robot/jointOrder.ts';
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

export const EMBODIMENTS: Record<'aloha', Embodied> = {
  aloha: {
    name: 'aloha',
    joints: ALOHA_ORDER,
    cameras: ALOHA_CAMERAS,
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

/** Names that tell nothing of a joint, as lerobot's recordings have them. */
const ANONYMOUS = /^(motors?|joints?|main|actions?|dim)?[_. ]*\d*$/;

/** Throws a `UserError` for a checkpoint that names other joints than the robot's. */
export function checkJointNames(
  { config, configPath, processors }: Checkpoint,
  embodiment: Embodied,
): void {
  checkNames(config.action_feature_names ?? [], `${configPath}: action_feature_names`, embodiment);
  const { relative } = processors;
  if (relative?.names) checkNames(relative.names, `${relative.by}: action_names`, embodiment);
}

function checkNames(found: readonly string[], source: string, { name, joints }: Embodied): void {
  if (found.every((one) => ANONYMOUS.test(one))) return;
  const wrong = joints.flatMap((joint, i) => {
    const given = found[i]?.replace(/\.pos$/, '');
    return given === joint ? [] : [`joint ${i}: ${given ?? 'none'} instead of ${joint}`];
  });
  if (found.length > joints.length)
    wrong.push(`${found.length} joints instead of ${joints.length}`);
  if (wrong.length > 0)
    throw new UserError(
      `${source} are those of another robot than ${name}:${listed(wrong)}\nTake a policy that was trained on this robot; if they are the same joints under other names, rename them there`,
    );
}
