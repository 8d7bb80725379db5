/**
 * Of a joint of which nothing else is said, rad/s² or openings a second². This project's choice: an ALOHA
 * joint comes from rest to its full speed, or back, within two steps of 50 Hz.
 */
export const DEFAULT_ACCELERATION = 100;

/**
 * How far an arm's joint may be measured from where it is commanded, rad, where nothing else is said: this project's
 * choice. The simulated ALOHA's stay within 0.02 of what they were commanded in the last half second, and within 0.11
 * where they push against something.
 */
export const DEFAULT_DEVIATION = 0.3;

/** One joint of the state and action vectors, in the robot's own units. */
export interface Joint {
  name: string;
  kind: 'arm' | 'gripper';
  /** Least position: rad, or gripper opening (0 closed). */
  lower: number;
  /** Greatest position: rad, or gripper opening (1 open). */
  upper: number;
  /** Greatest speed: rad/s, or openings a second. */
  velocity: number;
  /** Greatest change of speed: rad/s², or openings a second². */
  acceleration: number;
  /** Position at rest between attempts: rad, or opening. */
  home: number;
  /** Of an arm's: how far it may be measured from where it is commanded, rad; DEFAULT_DEVIATION where absent. */
  deviation?: number;
}

export interface Camera {
  name: string;
  /** Pixels. */
  width: number;
  height: number;
  /** Whether it shows the same scene by the very same pixels, as a simulated one does. */
  noiseless?: boolean;
}

/** A box in the robot's frame, m. */
export interface Box {
  lower: [number, number, number];
  upper: [number, number, number];
}

/** An arm's base in the robot's frame: x, y, z in m, turn about z in rad. */
export type Base = [number, number, number, number];

/** An arm in space: the six of the robot's joints that bend it, waist to wrist_rotate, and where it stands. */
export interface PlacedArm {
  name: string;
  /** Indices in the robot's vectors. */
  joints: number[];
  base: Base;
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
