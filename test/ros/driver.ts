import { loadCalibration } from '../../src/robot/calibration.ts';
import { toDriver } from '../../src/robot/driverAngles.ts';
import { jointsByArm } from '../../src/ros/joints.ts';
import { image, jointState } from '../../src/ros/messages.ts';
import type { Ros } from '../../src/ros/rclnodejs.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';

/** A driver whose arms stand at home and whose cameras see grey, on the wall clock, until it is silenced. */
export async function startDriver(ros: Ros, file = SIM_CALIBRATION) {
  const calibration = await loadCalibration(file);
  const node = ros.createNode('driver');
  const arms = jointsByArm(calibration).map(({ arm, joints }) => ({
    publisher: node.createPublisher('sensor_msgs/msg/JointState', `/${arm.namespace}/joint_states`),
    names: joints.map(({ joint }) => joint.joint),
    angles: joints.map(({ joint }) => toDriver(arm, joint, joint.home)),
  }));
  const cameras = calibration.cameras.map((camera) => ({
    camera,
    publisher: node.createPublisher('sensor_msgs/msg/Image', camera.topic),
    pixels: new Uint8Array(camera.width * camera.height * 3).fill(120),
  }));
  const timer = setInterval(() => {
    const now = node.getClock().now().nanoseconds;
    for (const { publisher, names, angles } of arms)
      publisher.publish(jointState(now, names, angles));
    for (const { publisher, camera, pixels } of cameras)
      publisher.publish(image(now, camera.name, camera, pixels));
  }, 20);
  return {
    silence: () => clearInterval(timer),
    /** Turns a joint of an arm, both by index, by rad of the driver's angle. */
    turn(arm: number, joint: number, by: number) {
      arms[arm].angles[joint] += by;
    },
    close: () => node.destroy(),
  };
}
