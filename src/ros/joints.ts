import { UserError } from '../errors.ts';
import type { Arm, Calibration } from '../robot/calibration.ts';
import { fromDriver } from '../robot/driverAngles.ts';
import type { JointPart, JointState } from '../robot/robot.ts';
import { type JointStateMessage, nanosecondsOf } from './messages.ts';
import { statesTopic } from '../robot/driverTopics.ts';

/** The joints of each arm and their place in the robot's vectors. */
export const jointsByArm = ({ arms, joints }: Calibration) =>
  arms.map((arm) => ({
    arm,
    joints: joints.flatMap((joint, index) => (joint.arm === arm.name ? [{ joint, index }] : [])),
  }));

/** Finds each joint's angle by its name: drivers report others too, and in their own order. */
function anglesIn(message: JointStateMessage, arm: Arm, wanted: readonly string[]): number[] {
  const { name, position } = message;
  const topic = statesTopic(arm);
  if (name.length !== position.length)
    throw new UserError(`${topic}: ${name.length} names for ${position.length} positions`);
  const missing = wanted.filter((joint) => !name.includes(joint));
  if (missing.length > 0)
    throw new UserError(
      `${topic}: lacks ${missing.join(', ')}; it has ${name.join(', ') || 'no names'}. Correct the joints in the calibration`,
    );
  const doubled = wanted.filter((joint) => name.indexOf(joint) !== name.lastIndexOf(joint));
  if (doubled.length > 0) throw new UserError(`${topic}: has ${doubled.join(', ')} twice`);
  return wanted.map((joint) => position[name.indexOf(joint)]);
}

/**
 * Joins the arms' joint states to the robot's. `take` gives the state once each arm has reported, of when each did
 * (`arrived`, ns of the robot's clock); its stamp is the older of theirs. Throws a `UserError` for a message that is not the calibration's arm.
 */
export function createJointMerger(calibration: Calibration) {
  const groups = jointsByArm(calibration);
  const parts = new Map<string, JointPart>();
  const position = new Float64Array(calibration.joints.length).fill(NaN);

  return {
    take(armName: string, message: JointStateMessage, arrived?: bigint): JointState | undefined {
      const { arm, joints } = groups.find((group) => group.arm.name === armName)!;
      const angles = anglesIn(
        message,
        arm,
        joints.map(({ joint }) => joint.joint),
      );
      joints.forEach(({ joint, index }, i) => {
        position[index] = fromDriver(arm, joint, angles[i]);
      });
      const stamped = nanosecondsOf(message.header.stamp);
      const source = `joint state of ${armName}`;
      parts.set(armName, { source, stamp: stamped, arrived: arrived ?? stamped });
      if (parts.size < groups.length) return undefined;
      const all = [...parts.values()];
      const stamp = all.reduce((least, part) => (part.stamp < least ? part.stamp : least), stamped);
      return { stamp, position: position.slice(), parts: all };
    },
  };
}
