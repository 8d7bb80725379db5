import { fingerFromOpening } from '../robot/aloha.ts';
import type { Calibration } from '../robot/calibration.ts';
import { toDriver } from '../robot/driverAngles.ts';
import { jointsByArm } from '../topics/joints.ts';
import { jointState } from '../topics/messages.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode } from './rclnodejs.ts';
import { statesTopic } from '../robot/driverTopics.ts';

/** Publishes the nine joints of each arm as its driver does. */
export function jointPublishers(ros: Ros, node: RosNode, calibration: Calibration) {
  return jointsByArm(calibration).map(({ arm, joints }) => {
    const topic = statesTopic(arm);
    const type = 'sensor_msgs/msg/JointState';
    const publisher = node.createPublisher(type, topic, quality(ros, 'command'));
    const names = [...joints.map(({ joint }) => joint.joint), 'left_finger', 'right_finger'];
    return (stamp: bigint, positions: Float64Array) => {
      const angles = joints.map(({ joint, index }) => toDriver(arm, joint, positions[index]));
      const gripper = joints.find(({ joint }) => joint.kind === 'gripper');
      // ALOHA's driver reports the fingers beside the gripper's angle.
      const finger = fingerFromOpening(gripper ? positions[gripper.index] : 0);
      publisher.publish(jointState(stamp, names, [...angles, finger, -finger]));
    };
  });
}
