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
  /** Position at rest between attempts: rad, or opening. */
  home: number;
}

export interface Camera {
  name: string;
  /** Pixels. */
  width: number;
  height: number;
}

/** What a robot is, above any driver: the order of its vectors, its limits, its eyes. */
export interface Embodiment {
  name: string;
  /** Hz. */
  controlRate: number;
  joints: Joint[];
  cameras: Camera[];
}
