import type { Embodiment } from './embodiment.ts';

/** A part of a joint state that arrives as its own message, such as one arm's. */
export interface JointPart {
  /** `joint state of left` */
  source: string;
  /** Nanoseconds of the robot's clock. */
  stamp: bigint;
  /** Time of arrival, nanoseconds of the robot's clock. */
  arrived: bigint;
}

/** Measured joints at `stamp`. */
export interface JointState {
  /** Nanoseconds of the robot's clock; the oldest part's if there are several. */
  stamp: bigint;
  /** [joints] rad, grippers 0 (closed) to 1 (open). */
  position: Float64Array;
  /** The parts that it is merged from; absent if it arrives whole. */
  parts?: readonly JointPart[];
}

/** A camera's image at `stamp`; its pixels are decoded or rendered on demand. */
export interface CameraFrame {
  camera: string;
  /** Nanoseconds of the robot's clock. */
  stamp: bigint;
  width: number;
  height: number;
  /** RGB8, [height, width, 3]. Further calls return the same bytes. */
  pixels(): Promise<Uint8Array>;
  /** The same as a PNG, where it was recorded as one. */
  png?: Uint8Array;
}

/** Receives the robot's measurements as they arrive. */
export interface Observer {
  joints(state: JointState): void;
  frame(frame: CameraFrame): void;
}

/** The robot's time. In simulation, waiting advances it, so callers need not distinguish the two. */
export interface Clock {
  /** Nanoseconds. */
  now(): bigint;
  /** Resolves at `stamp`, or at once if it has passed. */
  until(stamp: bigint): Promise<void>;
  /** Lag of the robot's own time behind wall time, ms, if it is to keep up with it. */
  behind?(): number;
  /** Whether messages set the time (/clock); the lateness of a step cannot be measured then. */
  readonly isExternal?: true;
}

/** A robot: observations out, commands in. ROS 2 and the simulator implement it alike. */
export interface Robot {
  readonly embodiment: Embodiment;
  readonly clock: Clock;
  /** Dry run: the robot is only observed and does not follow commands. */
  readonly dry?: boolean;
  /** Starts sensing. One observer at a time. */
  observe(observer: Observer): void;
  /** Sends positions [joints], rad and openings, that have passed the guard. */
  command(positions: Float64Array): void;
  close(): Promise<void>;
}

/** A robot that senses and cannot be commanded. */
export type SensingRobot = Omit<Robot, 'command'>;

/** The assessment of an attempt. */
export interface Assessment {
  /** The task's own staged reward, the largest so far. */
  reward: number;
  success: boolean;
  /** Whether a person has reported a failure. */
  failed?: boolean;
}

/** A task, and the judgement whether it succeeded. */
export interface Task {
  readonly name: string;
  readonly prompt: string;
  /** Control steps of an attempt. */
  readonly maxSteps: number;
  /** Brings robot and scene to the start of a new attempt. */
  reset(seed: number): Promise<void>;
  assess(): Assessment;
}
