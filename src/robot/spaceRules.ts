import { ARM_POINTS, HAND_POINTS, armPoints } from './armKinematics.ts';
import type { Base, Box, PlacedArm, SpaceRules } from './embodiment.ts';
import { CHAIN } from './jointOrder.ts';

/** What a calibration says of its arms in space. */
interface Placed {
  arms: readonly { name: string; base: Base }[];
  joints: readonly { arm: string; joint: string }[];
  workspace: Box & { enforced: boolean };
  leastDistance?: number;
}

/** Joints that each arm lacks for its forward kinematics, if a rule asks for them. */
export const lackingJoints = ({ arms, joints, workspace, leastDistance }: Placed) =>
  workspace.enforced || leastDistance !== undefined
    ? arms.map(({ name }) =>
        CHAIN.filter((part) => !joints.some(({ arm, joint }) => arm === name && joint === part)),
      )
    : [];

/** What a calibration says of its arms in space; undefined if nothing that is to be kept. */
export function spaceRules({
  arms,
  joints,
  workspace,
  leastDistance,
}: Placed): SpaceRules | undefined {
  if (!workspace.enforced && leastDistance === undefined) return undefined;
  const { lower, upper } = workspace;
  return {
    arms: arms.map(({ name, base }): PlacedArm => ({
      name,
      base,
      joints: CHAIN.map((part) =>
        joints.findIndex(({ arm, joint }) => arm === name && joint === part),
      ),
    })),
    ...(workspace.enforced && { workspace: { lower, upper } }),
    ...(leastDistance !== undefined && { leastDistance }),
  };
}

interface Posed extends Placed {
  joints: readonly { arm: string; joint: string; home: number; rest: number }[];
}

/** A pose of an arm whose gripper it takes out of the workspace. */
export interface PoseOutside {
  arm: string;
  pose: 'home' | 'rest';
  /** Of the point that is outside: x, y, z in m. */
  point: number[];
}

/** The poses, of arms that lack no joint, that an enforced workspace does not hold. */
export function posesOutside(given: Posed): PoseOutside[] {
  const { workspace, arms = [] } = spaceRules(given) ?? {};
  if (!workspace) return [];
  const { lower, upper } = workspace;
  return arms
    .filter(({ joints }) => !joints.includes(-1))
    .flatMap(({ name, base, joints }) =>
      (['home', 'rest'] as const).flatMap((pose): PoseOutside[] => {
        const points = new Float64Array(3 * ARM_POINTS);
        const positions = given.joints.map((joint) => joint[pose]);
        armPoints(positions, joints, base, points);
        const point = HAND_POINTS.map((at) => [...points.subarray(3 * at, 3 * at + 3)]).find((at) =>
          at.some((value, axis) => value < lower[axis] || value > upper[axis]),
        );
        return point ? [{ arm: name, pose, point }] : [];
      }),
    );
}
