import { toDriver } from '../../src/robot/driverAngles.ts';
import { jointsByArm } from '../../src/topics/joints.ts';
import { image, jointState } from '../../src/topics/messages.ts';
import type { Ros, RosServiceResponse } from '../../src/ros/rclnodejs.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';

interface DriverOptions {
  /** Calibration of the robot. */
  file?: string;
  /** What the joint states are stamped with, from the wall clock, ns. */
  stampJoints?: (now: bigint) => bigint;
  stampImages?: (now: bigint) => bigint;
  /** The mode of its grippers at first, where it is one of Interbotix' drivers. */
  gripperMode?: string;
}

interface Trajectory {
  joint_names: string[];
  points: { positions: ArrayLike<number> }[];
}

const asItIs = (now: bigint) => now;

/**
 * A driver whose arms stand at home until a trajectory moves them, at once, and whose cameras see grey, on the wall
 * clock, until it is silenced.
 */
export async function startDriver(
  ros: Ros,
  {
    file = SIM_CALIBRATION,
    stampJoints = asItIs,
    stampImages = asItIs,
    gripperMode,
  }: DriverOptions = {},
) {
  const calibration = await loadCalibration(file);
  const node = ros.createNode('driver');
  const arms = jointsByArm(calibration).map(({ arm, joints }) => ({
    publisher: node.createPublisher('sensor_msgs/msg/JointState', `/${arm.namespace}/joint_states`),
    names: joints.map(({ joint }) => joint.joint),
    angles: joints.map(({ joint }) => toDriver(arm, joint, joint.home)),
  }));
  for (const [i, { namespace }] of calibration.arms.entries())
    node.createSubscription(
      'trajectory_msgs/msg/JointTrajectory',
      `/${namespace}/joint_trajectory_controller/joint_trajectory`,
      {},
      ({ joint_names, points }: Trajectory) =>
        joint_names.forEach((name, joint) => {
          arms[i].angles[arms[i].names.indexOf(name)] = points.at(-1)!.positions[joint];
        }),
    );
  const cameras = calibration.cameras.map((camera) => ({
    camera,
    publisher: node.createPublisher('sensor_msgs/msg/Image', camera.topic),
    pixels: new Uint8Array(camera.width * camera.height * 3).fill(120),
  }));
  const timer = setInterval(() => {
    const now = node.getClock().now().nanoseconds;
    for (const { publisher, names, angles } of arms)
      publisher.publish(jointState(stampJoints(now), names, angles));
    for (const { publisher, camera, pixels } of cameras)
      publisher.publish(image(stampImages(now), camera.name, camera, pixels));
  }, 20);

  const modes = new Map<string, string>();
  if (gripperMode !== undefined) {
    for (const { namespace } of calibration.arms) {
      modes.set(namespace, gripperMode);
      const offer = (
        type: string,
        name: string,
        answer: (request: Record<string, string>) => object,
      ) =>
        node.createService(
          `interbotix_xs_msgs/srv/${type}`,
          `/${namespace}/${name}`,
          {},
          (request: never, response: RosServiceResponse) => response.send(answer(request)),
        );
      offer('RobotInfo', 'get_robot_info', ({ name }) => ({
        ...{ profile_type: 'velocity', joint_names: [name], name: [name], num_joints: 1 },
        ...{ joint_ids: [], joint_lower_limits: [], joint_upper_limits: [] },
        ...{ joint_velocity_limits: [], joint_sleep_positions: [], joint_state_indices: [] },
        mode: name === 'gripper' ? modes.get(namespace) : 'position',
      }));
      offer('OperatingModes', 'set_operating_modes', ({ mode }) => {
        modes.set(namespace, mode);
        return {};
      });
    }
  }
  node.spin();
  return {
    /** Of its grippers, by namespace. */
    modes,
    silence: () => clearInterval(timer),
    /** Turns a joint of an arm, both by index, by rad of the driver's angle. */
    turn(arm: number, joint: number, by: number) {
      arms[arm].angles[joint] += by;
    },
    close() {
      clearInterval(timer);
      node.destroy();
    },
  };
}
