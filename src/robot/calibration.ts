import type { Crop } from './crop.ts';
import type { Base, Box, Camera, Embodiment, Joint } from './embodiment.ts';
import type { GripperAngles } from './gripperSets.ts';
import { spaceRules } from './spaceRules.ts';

/** An arm as its driver has it. */
export interface Arm {
  name: string;
  /** ROS namespace of its driver. */
  namespace: string;
  gripper: GripperAngles;
  base: Base;
}

/**
 * A joint and where it is measured: `position = sign · angle + offset` for an arm's, the gripper's
 * opening for a gripper.
 */
export interface CalibratedJoint extends Joint {
  arm: string;
  /** The driver's name of it. */
  joint: string;
  sign: 1 | -1;
  /** rad */
  offset: number;
  /** Where it lies down when work is over: rad, or opening. */
  rest: number;
}

/** A camera, where its images come from, and what is done to them before anybody sees them. */
export interface CalibratedCamera extends Camera {
  topic: string;
  transport: 'raw' | 'compressed';
  /** Part of the image that is kept. */
  crop?: Crop;
  /** Degrees clockwise, after cropping. */
  rotate: 0 | 90 | 180 | 270;
  mount: 'fixed' | 'wrist';
  /** Least and greatest mean brightness of a usable image, 0 to 255. */
  exposure: [number, number];
}

/** One robot as it stands: what it is, how its parts are reached, and where it may move. */
export interface Calibration extends Embodiment {
  arms: Arm[];
  joints: CalibratedJoint[];
  cameras: CalibratedCamera[];
  /** The box that grippers stay in; `enforced` by the guard, or only written down. */
  workspace: Box & { enforced: boolean };
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
      ...(camera.noiseless && { noiseless: true }),
    })),
    ...(space && { space }),
  };
}
