import { invalid } from '../errors.ts';
import type { Arm, Calibration } from '../robot/calibration.ts';
import { fromDriver } from '../robot/driverAngles.ts';
import type { JointPart, JointState } from '../robot/robot.ts';
import { nanosecondsOf } from '../episodes/rosTime.ts';
import { type JointStateMessage } from './messages.ts';
import { statesTopic } from '../robot/driverTopics.ts';

/** The topics on which arms report their joints; arms may share one. */
export const statesTopicsOf = ({ arms }: Pick<Calibration, 'arms'>): string[] => [
  ...new Set(arms.map(statesTopic)),
];

/** The joints of each arm and their place in the robot's vectors. */
export const jointsByArm = ({ arms, joints }: Pick<Calibration, 'arms' | 'joints'>) =>
  arms.map((arm) => ({
    arm,
    joints: joints.flatMap((joint, index) => (joint.arm === arm.name ? [{ joint, index }] : [])),
  }));

/** Finds each joint's angle by its name: drivers report others too, and in their own order. */
function anglesIn(message: JointStateMessage, arm: Arm, wanted: readonly string[]): number[] {
  const { name, position } = message;
  const topic = statesTopic(arm);
  if (name.length !== position.length)
    throw invalid(topic, `${name.length} names for ${position.length} positions`);
  const missing = wanted.filter((joint) => !name.includes(joint));
  if (missing.length > 0)
    throw invalid(
      topic,
      `lacks ${missing.join(', ')}; it has ${name.join(', ') || 'no names'}. Correct the joints in the calibration`,
      ...missing,
    );
  const doubled = wanted.filter((joint) => name.indexOf(joint) !== name.lastIndexOf(joint));
  if (doubled.length > 0) throw invalid(topic, `has ${doubled.join(', ')} twice`, ...doubled);
  return wanted.map((joint) => position[name.indexOf(joint)]);
}

/**
 * Joins the arms' joint states to the robot's. `take` gives the state once each arm has reported; its stamp is the
 * oldest of theirs, and `arrived` is when a message came, ns of the robot's clock. Throws a `UserError` for a message
 * that lacks a joint of an arm on its topic.
 */
export function createJointMerger(calibration: Calibration) {
  const groups = jointsByArm(calibration);
  const parts = new Map<string, JointPart>();
  const position = new Float64Array(calibration.joints.length).fill(NaN);

  return {
    take(topic: string, message: JointStateMessage, arrived?: bigint): JointState | undefined {
      const stamped = nanosecondsOf(message.header.stamp);
      for (const { arm, joints } of groups) {
        if (statesTopic(arm) !== topic) continue;
        const names = joints.map(({ joint }) => joint.joint);
        const angles = anglesIn(message, arm, names);
        joints.forEach(({ joint, index }, i) => {
          position[index] = fromDriver(arm, joint, angles[i]);
        });
        const source = `joint state of ${arm.name}`;
        parts.set(arm.name, { source, stamp: stamped, arrived: arrived ?? stamped });
      }
      if (parts.size < calibration.arms.length) return undefined;
      const all = [...parts.values()];
      const stamp = all.reduce((least, part) => (part.stamp < least ? part.stamp : least), stamped);
      return { stamp, position: position.slice(), parts: all };
    },
  };
}
