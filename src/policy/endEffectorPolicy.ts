import { type Calibration } from '../robot/calibration.ts';
import type { EndEffector } from '../robot/endEffector.ts';
import { type Pose, poseOf, reach } from '../robot/inverseKinematics.ts';
import {
  type Rotation,
  compose,
  fromAxisAngle,
  fromRollPitchYaw,
  toAxisAngle,
  toRollPitchYaw,
} from '../robot/rotations.ts';
import { type PlacedArm } from '../robot/embodiment.ts';
import { placedArms } from '../robot/spaceRules.ts';
import type { Chunk, ChunkPolicy } from './chunkPolicy.ts';
import { delegatePolicy } from './policyWrappers.ts';

/** How turns are written as three numbers, rad. */
const NOTATIONS: Record<
  EndEffector['turns'],
  {
    read: (turn: readonly [number, number, number]) => Rotation;
    write: (turn: Rotation) => number[];
  }
> = {
  'axis-angle': { read: fromAxisAngle, write: toAxisAngle },
  'roll-pitch-yaw': { read: fromRollPitchYaw, write: toRollPitchYaw },
};

/** Numbers of a row: three of place, three of turn, the gripper. */
const ROW = 7;

/** An arm whose end effector policies command, and its gripper's index in the robot's vectors. */
interface Commanded {
  arm: PlacedArm;
  gripper: number;
  endEffector: EndEffector;
}

/** The arm whose end effector policies of an embodiment command; undefined where there is none. */
export function commandedBy(embodiment: string, calibration: Calibration): Commanded | undefined {
  const index = calibration.arms.findIndex(({ endEffector }) => endEffector?.embodiment === embodiment); // prettier-ignore
  const endEffector = calibration.arms[index]?.endEffector;
  if (!endEffector) return undefined;
  const arm = placedArms(calibration)[index];
  const gripper = calibration.joints.findIndex(
    (joint) => joint.arm === arm.name && joint.kind === 'gripper',
  );
  return { arm, gripper, endEffector };
}

/**
 * A policy whose actions move an arm's end effector as one whose rows are joint positions: each row's way is added to
 * the pose that the row before reaches, beginning with the measured one. Its chunks swap.
 */
export function endEffectorPolicy(
  policy: ChunkPolicy,
  { arm, gripper, endEffector }: Commanded,
  { joints }: Pick<Calibration, 'joints'>,
): ChunkPolicy {
  const { base, chain } = arm;
  const { turns, metres, radians, fingers, rotation = [0, 0, 0] } = endEffector;
  const notation = NOTATIONS[turns];
  const toHand = fromRollPitchYaw(rotation);
  const { closed, open } = endEffector.gripper;
  const limits = {
    lower: arm.joints.map((index) => joints[index].lower),
    upper: arm.joints.map((index) => joints[index].upper),
  };

  const stateOf = (positions: Float64Array): Float64Array => {
    const pose = poseOf(chain!, base, arm.joints.map((index) => positions[index])); // prettier-ignore
    const opening = positions[gripper];
    return Float64Array.of(
      ...pose.position,
      ...notation.write(compose(pose.rotation, toHand)),
      ...fingers.map((finger) => finger * opening),
    );
  };

  /** The pose that a row's way leads to. */
  const moved = ({ position, rotation }: Pose, row: Float32Array): Pose => {
    const [x, y, z] = row.subarray(3).map((value) => radians * value);
    return {
      position: position.map((value, axis) => value + metres * row[axis]),
      rotation: compose(notation.read([x, y, z]), rotation),
    };
  };

  const rowsOf = ({ actions, horizon }: Chunk, from: Float64Array): Float32Array => {
    const rows = new Float32Array(horizon * joints.length);
    const now = from.slice();
    for (let i = 0; i < horizon; i++) {
      const row = actions.subarray(i * ROW, (i + 1) * ROW);
      const at = arm.joints.map((index) => now[index]);
      const reached = reach(chain!, base, limits, at, (pose) => moved(pose, row));
      arm.joints.forEach((index, joint) => (now[index] = reached[joint]));
      now[gripper] = Math.min(Math.max((row[6] - closed) / (open - closed), 0), 1);
      rows.set(now, i * joints.length);
    }
    return rows;
  };

  return delegatePolicy(policy, {
    join: 'swap',
    async sample(observation, noise) {
      const { stamp, position } = observation.joints;
      const seen = { ...observation, joints: { stamp, position: stateOf(position) } };
      const chunk = await policy.sample(seen, noise);
      return { ...chunk, actions: rowsOf(chunk, position) };
    },
  });
}
