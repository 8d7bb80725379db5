import type { Base, Box, PlacedArm, SpaceRules } from './embodiment.ts';

/** The joints that bend an arm, from its base on, as drivers of the ViperX 300 name them. */
const CHAIN = ['waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate'];

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
