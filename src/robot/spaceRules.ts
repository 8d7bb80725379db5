import type { Chain, NamedChain } from './chain.ts';
import type { Base, Box, JointKind, PlacedArm, SpaceRules } from './embodiment.ts';
import { HAND_POINTS } from './armLine.ts';
import { CHAIN } from './jointOrder.ts';
import { kinematicsOf } from './kinematicsOf.ts';

/** The parts of a calibration that place its arms in space. */
interface Placed {
  arms: readonly { name: string; base: Base; chain?: NamedChain }[];
  joints: readonly { arm: string; joint: string; kind: JointKind }[];
  workspace?: Box & { enforced: boolean };
  leastDistance?: number;
}

/** Whether the guard enforces a rule on space, which needs the arms' forward kinematics. */
const isKept = ({ workspace, leastDistance }: Placed): boolean =>
  workspace?.enforced === true || leastDistance !== undefined;

/** The joints of an arm's chain, from its base on, by the driver's names. */
const chainJoints = ({ chain }: Placed['arms'][number]): readonly string[] =>
  chain ? chain.joints.map(({ joint }) => joint) : CHAIN;

/** Joints that each arm without a chain of its own lacks to be a ViperX 300, if a rule needs its kinematics. */
export const lackingJoints = (calibration: Placed): string[][] =>
  isKept(calibration)
    ? calibration.arms.map((one) =>
        one.chain
          ? []
          : CHAIN.filter(
              (part) =>
                !calibration.joints.some(({ arm, joint }) => arm === one.name && joint === part),
            ),
      )
    : [];

/** A chain without the names of its joints; those of the indices `at` slide if they are prismatic. */
const nameless = (
  { joints, hand, tip }: NamedChain,
  at: readonly number[],
  { joints: all }: Placed,
): Chain => ({
  joints: joints.map(({ offset, rotation, axis }, i) => ({
    offset,
    ...(rotation && { rotation }),
    axis,
    ...(all[at[i]]?.kind === 'prismatic' && { slides: true }),
  })),
  ...(hand && { hand }),
  tip,
});

/** A calibration's arms in space, in its order. */
export const placedArms = (calibration: Placed): PlacedArm[] =>
  calibration.arms.map((one) => {
    const joints = chainJoints(one).map((part) =>
      calibration.joints.findIndex(({ arm, joint }) => arm === one.name && joint === part),
    );
    const { name, base, chain } = one;
    return { name, base, joints, ...(chain && { chain: nameless(chain, joints, calibration) }) };
  });

/** The space rules of a calibration; undefined if the guard enforces none. */
export function spaceRules(calibration: Placed): SpaceRules | undefined {
  if (!isKept(calibration)) return undefined;
  const { workspace, leastDistance } = calibration;
  return {
    arms: placedArms(calibration),
    ...(workspace?.enforced && {
      workspace: { lower: workspace.lower, upper: workspace.upper },
    }),
    ...(leastDistance !== undefined && { leastDistance }),
  };
}

interface Posed extends Placed {
  joints: readonly (Placed['joints'][number] & { home: number; rest?: number })[];
}

/** A pose that puts an arm's gripper outside the workspace. */
export interface PoseOutside {
  arm: string;
  pose: 'home' | 'rest';
  /** Of the point that is outside: x, y, z in m. */
  point: number[];
}

/** The points of an arm's hand at positions of the robot's joints, m. */
function handAt(arm: PlacedArm, positions: readonly number[]): number[][] {
  const kinematics = kinematicsOf(arm);
  const line = new Float64Array(3 * kinematics.points);
  kinematics.write(positions, arm.joints, arm.base, line);
  return Array.from({ length: HAND_POINTS }, (_, i) => {
    const at = 3 * (kinematics.points - HAND_POINTS + i);
    return [...line.subarray(at, at + 3)];
  });
}

/** The poses outside an enforced workspace; arms with missing joints are skipped. */
export function posesOutside(calibration: Posed): PoseOutside[] {
  const { workspace, arms = [] } = spaceRules(calibration) ?? {};
  if (!workspace) return [];
  const { lower, upper } = workspace;
  return arms
    .filter(({ joints }) => !joints.includes(-1))
    .flatMap((arm) =>
      (['home', 'rest'] as const).flatMap((pose): PoseOutside[] => {
        const positions = calibration.joints.map((joint) => joint[pose] ?? joint.home);
        const point = handAt(arm, positions).find((at) =>
          at.some((value, axis) => value < lower[axis] || value > upper[axis]),
        );
        return point ? [{ arm: arm.name, pose, point }] : [];
      }),
    );
}
