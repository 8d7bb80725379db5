import type { Embodiment } from './embodiment.ts';

/** A part of a joint state that comes by itself, as that of one arm. */
export interface JointPart {
  /** `joint state of left` */
  source: string;
  /** Nanoseconds of the robot's clock. */
  stamp: bigint;
  /** When it came, nanoseconds of the robot's clock. */
  arrived: bigint;
}

/** Measured joints at `stamp`. */
export interface JointState {
  /** Nanoseconds of the robot's clock; of the oldest of its parts. */
  stamp: bigint;
  /** [joints] rad, grippers 0 (closed) to 1 (open). */
  position: Float64Array;
  /** What it is joined of; absent where it comes as one. */
  parts?: readonly JointPart[];
}

/** A camera's image at `stamp`; its pixels are decoded or rendered only when somebody asks. */
export interface CameraFrame {
  camera: string;
  /** Nanoseconds of the robot's clock. */
  stamp: bigint;
  width: number;
  height: number;
  /** RGB8, [height, width, 3]. Further calls return the same bytes. */
  pixels(): Promise<Uint8Array>;
}

/** Takes what the robot senses, as it arrives. */
export interface Observer {
  joints(state: JointState): void;
  frame(frame: CameraFrame): void;
}

/** The robot's time. Waiting is what makes a simulator step, so above it nothing knows which it is. */
export interface Clock {
  /** Nanoseconds. */
  now(): bigint;
  /** Resolves at `stamp`, or at once if it has passed. */
  until(stamp: bigint): Promise<void>;
  /** Milliseconds by which a robot's own time is behind the wall's, where it is to keep to it. */
  behind?(): number;
  /** Whether messages tell it (/clock): it cannot show then how late a step is. */
  readonly isExternal?: true;
}

/** A robot: observations out, commands in. ROS 2 and the simulator implement it alike. */
export interface Robot {
  readonly embodiment: Embodiment;
  readonly clock: Clock;
  /** Whether it is only looked at, a dry run: it does not follow what it is commanded. */
  readonly dry?: boolean;
  /** Starts sensing. One observer at a time. */
  observe(observer: Observer): void;
  /** Sends positions [joints], rad and openings, that have passed the guard. */
  command(positions: Float64Array): void;
  close(): Promise<void>;
}

/** A robot that senses and cannot be commanded. */
export type SensingRobot = Omit<Robot, 'command'>;

/** How well an attempt goes. */
export interface Assessment {
  /** The task's own staged reward, the largest so far. */
  reward: number;
  success: boolean;
  /** Whether somebody has said that it failed. */
  failed?: boolean;
}

/** What the robot is to do, and who says whether it did. */
export interface Task {
  readonly name: string;
  readonly prompt: string;
  /** Control steps of an attempt. */
  readonly maxSteps: number;
  /** Brings robot and scene to the start of a new attempt. */
  reset(seed: number): Promise<void>;
  assess(): Assessment;
}
