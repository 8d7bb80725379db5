import type { Chain } from './chain.ts';

/**
 * What a joint's position is. `arm`: the angle of a revolute joint, rad. `prismatic`: how far a joint slides, m.
 * `gripper`: the opening of a gripper, 0 closed to 1 open.
 */
export type JointKind = 'arm' | 'prismatic' | 'gripper';

/** Units of positions, as messages have them. */
export const UNITS: Readonly<Record<JointKind, string>> = {
  arm: 'rad',
  prismatic: 'm',
  gripper: 'of its opening',
};

/**
 * Acceleration of a joint whose calibration has none, rad/s² or openings a second². This project's choice: an ALOHA
 * joint comes from rest to its full speed, or back, within two steps of 50 Hz.
 */
export const DEFAULT_ACCELERATION = 100;

/**
 * How far a joint may be measured from where it is commanded, rad or m, where its calibration does not set it: this
 * project's choice. The simulated ALOHA's joints stay within 0.02 rad of what they were commanded in the last half
 * second, and within 0.11 where they push against something. Grippers are not watched: they stop at what they hold.
 */
export const DEFAULT_DEVIATION: Readonly<Record<Exclude<JointKind, 'gripper'>, number>> = {
  arm: 0.3,
  prismatic: 0.05,
};

/** One joint of the state and action vectors, in the robot's own units. */
export interface Joint {
  name: string;
  kind: JointKind;
  /** Least position: rad, m, or gripper opening (0 closed). */
  lower: number;
  /** Greatest position: rad, m, or gripper opening (1 open). */
  upper: number;
  /** Greatest speed, per second. */
  velocity: number;
  /** Greatest change of speed, per second². */
  acceleration: number;
  /** Position at rest between attempts: rad, m, or opening. */
  home: number;
  /** How far it may be measured from where it is commanded, rad or m; DEFAULT_DEVIATION where absent. */
  deviation?: number;
}

export type CameraMount = 'fixed' | 'wrist';

export interface Camera {
  name: string;
  /** Pixels. */
  width: number;
  height: number;
  /** Whether it moves with a hand; absent in episodes from before it was recorded. */
  mount?: CameraMount;
  /** Whether it shows the same scene by the very same pixels, as a simulated one does. */
  noiseless?: boolean;
}

/** Whether a camera moves with a hand. Where the mount is not recorded, its name tells. */
export const isOnWrist = ({ name, mount }: Pick<Camera, 'name' | 'mount'>): boolean =>
  mount === undefined ? name.includes('wrist') : mount === 'wrist';

/** A box in the robot's frame, m. */
export interface Box {
  lower: [number, number, number];
  upper: [number, number, number];
}

/** An arm's base in the robot's frame: x, y, z in m, turn about z in rad. */
export type Base = [number, number, number, number];

/** An arm in space: the joints that move it, from its base on, and where it stands. */
export interface PlacedArm {
  name: string;
  /** Indices in the robot's vectors. */
  joints: number[];
  base: Base;
  /** Its kinematics, joint by joint of `joints`; those of a ViperX 300 where absent. */
  chain?: Chain;
}

/** Rules on where arms may be, kept by their forward kinematics. */
export interface SpaceRules {
  arms: PlacedArm[];
  /** Where every gripper stays. */
  workspace?: Box;
  /** m between the middle lines of two arms. */
  leastDistance?: number;
}

/** What a robot is, above any driver: the order of its vectors, its limits, its eyes. */
export interface Embodiment {
  name: string;
  /** Hz. */
  controlRate: number;
  joints: Joint[];
  cameras: Camera[];
  /** Absent where nothing is said of the arms in space. */
  space?: SpaceRules;
}

/** Length of a control step, ns. */
export const controlPeriod = ({ controlRate }: Pick<Embodiment, 'controlRate'>): bigint =>
  BigInt(Math.round(1e9 / controlRate));

/** Control steps that cover so many milliseconds. */
export const stepsIn = (ms: number, { controlRate }: Pick<Embodiment, 'controlRate'>): number =>
  Math.ceil((ms * controlRate) / 1000);

/** Why a policy for one embodiment cannot move another, by their names; undefined where it is the same. */
export const embodimentFault = (policys: string, robots: string): string | undefined =>
  policys === robots
    ? undefined
    : `the policy is for ${policys}, the robot is ${robots}; take a policy for ${robots}, or the calibration of the robot that stands there`;
