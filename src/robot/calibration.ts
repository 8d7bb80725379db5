import type { NamedChain } from './chain.ts';
import type { Crop } from './crop.ts';
import type { Base, Box, Camera, CameraMount, Embodiment, Joint } from './embodiment.ts';
import type { EndEffector } from './endEffector.ts';
import type { GripperEnds } from './gripperSets.ts';
import { spaceRules } from './spaceRules.ts';
import type { Tasks } from './tasks.ts';

/**
 * How a driver takes commands. `interbotix`: JointGroupCommand and JointSingleCommand. `trajectory`: JointTrajectory of
 * one point. `position`: Float64MultiArray of a forward position controller, in the order of the calibration's joints.
 */
export type CommandKind = 'interbotix' | 'trajectory' | 'position';

export const COMMAND_KINDS = ['interbotix', 'trajectory', 'position'] as const;

/** Where the commands of an arm, or of its gripper alone, go. */
export interface CommandRoute {
  kind: CommandKind;
  /** From the root; the usual one of the kind in the arm's namespace where absent, and always for `interbotix`. */
  topic?: string;
}

/** A gripper as its driver has it. */
export interface Gripper extends GripperEnds {
  /** Whether its driver's joint slides, m; else it turns, rad. */
  kind?: 'prismatic';
  /** The joint of the second finger, where the driver moves two: at `sign` times the first one's position. */
  mirror?: { joint: string; sign: 1 | -1 };
  /** Where its commands go; with the arm's where absent. */
  command?: CommandRoute;
}

/** The arm that a person moves while this one follows: its joints have the follower's names and signs. */
export interface Leader {
  /** ROS namespace of its driver; empty for the root. */
  namespace: string;
  /** Topic of its joint states; `joint_states` in its namespace where absent. */
  states?: string;
  /** Its gripper's ends; absent for an arm without a gripper. */
  gripper?: GripperEnds;
}

/** An arm as its driver has it. */
export interface Arm {
  name: string;
  /** ROS namespace of its driver; empty for the root. */
  namespace: string;
  /** Topic of its joint states; `joint_states` in its namespace where absent. */
  states?: string;
  /** How it takes commands; as the node's parameter `output` says where absent. */
  command?: CommandRoute;
  /** Absent for an arm without a gripper. */
  gripper?: Gripper;
  /** Where recordings of teleoperation have its leader. */
  leader?: Leader;
  base: Base;
  /** Its forward kinematics; those of a ViperX 300 where absent. */
  chain?: NamedChain;
  /** How policies that command its end effector in place of joints move it; absent where none does. */
  endEffector?: EndEffector;
}

/**
 * A joint and where it is measured: `position = sign · driver's position + offset`, but for a gripper, whose opening
 * comes from the ends of the arm's gripper.
 */
export interface CalibratedJoint extends Joint {
  arm: string;
  /** The driver's name of it. */
  joint: string;
  sign: 1 | -1;
  /** rad or m. */
  offset: number;
  /** Where it lies down when work is over: rad, m, or opening. */
  rest?: number;
  /** Which way its position grows, as an instruction to a person: `lean the upper arm forward`. */
  positive?: string;
}

/** A camera, where its images come from, and what is done to them before anybody sees them. */
export interface CalibratedCamera extends Camera {
  topic: string;
  transport: 'raw' | 'compressed';
  /** Part of the image that is kept. */
  crop?: Crop;
  /** Degrees clockwise, after cropping. */
  rotate: 0 | 90 | 180 | 270;
  mount: CameraMount;
  /** Least and greatest mean brightness of a usable image, 0 to 255. */
  exposure: [number, number];
}

/** One robot as it stands: what it is, how its parts are reached, and where it may move. */
export interface Calibration extends Embodiment {
  arms: Arm[];
  joints: CalibratedJoint[];
  cameras: CalibratedCamera[];
  /** Prompts of the robot's tasks by their names. */
  tasks?: Tasks;
  /** The box that grippers stay in; `enforced` by the guard, or only written down. */
  workspace?: Box & { enforced: boolean };
  /** m that the guard keeps between the middle lines of two arms; absent for none. */
  leastDistance?: number;
  /** What nalu calibrate measured, and when. */
  measured?: { date: string; [figure: string]: unknown };
}

/** Width and height of a camera's images once they are cropped and turned. */
export function sizeSeen({ width, height, crop, rotate }: CalibratedCamera) {
  const size = crop ?? { width, height };
  return rotate % 180 === 0
    ? { width: size.width, height: size.height }
    : { width: size.height, height: size.width };
}

/** What is left of a calibration above the driver. */
export function embodimentOf(calibration: Calibration): Embodiment {
  const { name, controlRate, joints, cameras } = calibration;
  const space = spaceRules(calibration);
  return {
    name,
    controlRate,
    joints: joints.map(({ name, kind, lower, upper, velocity, acceleration, home, deviation }) => ({
      name,
      kind,
      lower,
      upper,
      velocity,
      acceleration,
      home,
      ...(deviation !== undefined && { deviation }),
    })),
    cameras: cameras.map((camera) => ({
      name: camera.name,
      ...sizeSeen(camera),
      mount: camera.mount,
      ...(camera.noiseless && { noiseless: true }),
    })),
    ...(space && { space }),
  };
}
