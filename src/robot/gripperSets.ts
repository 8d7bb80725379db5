/** Positions of a gripper's driver at its ends: rad, or m of one that slides. */
export interface GripperEnds {
  closed: number;
  open: number;
}

/** The constant sets that ALOHA's software has for the follower's gripper joint, rad. */
export const GRIPPER_SETS = {
  /** tonyzhaozh/act, openpi, gym-aloha. */
  original: { closed: -0.6213, open: 1.491 },
  /** Interbotix/aloha for ROS 2. */
  interbotix: { closed: 0.6197, open: 1.6214 },
  /** google-deepmind/aloha_sim. */
  deepmind: { closed: -0.06135, open: 1.5155 },
} as const satisfies Record<string, GripperEnds>;

/** The constant sets that ALOHA's software has for the leader's gripper joint, rad. */
export const LEADER_GRIPPER_SETS = {
  original: { closed: -0.6842, open: 0.3083 },
  interbotix: { closed: -0.0552, open: 0.8298 },
} as const satisfies Record<string, GripperEnds>;

export type GripperSet = keyof typeof GRIPPER_SETS;

/** rad that each end of a gripper may lie from a constant set's: fingers stop short of the ends. */
const TOLERANCE = 0.2;

const SETS = Object.entries(GRIPPER_SETS) as [GripperSet, GripperEnds][];

/** The constant set whose angles these ends are, to the last digit. */
export const gripperSetOf = ({ closed, open }: GripperEnds): GripperSet | undefined =>
  SETS.find(([, angles]) => angles.closed === closed && angles.open === open)?.[0];

export interface SetMatch {
  set: GripperSet;
  /** rad, of the end that lies farther away. */
  distance: number;
  /** Whether it is near enough to be that set. */
  fits: boolean;
}

/** The constant set nearest to a gripper's measured ends. */
export function nearestGripperSet({ closed, open }: GripperEnds): SetMatch {
  const [nearest] = SETS.map(([set, angles]) => ({
    set,
    distance: Math.max(Math.abs(closed - angles.closed), Math.abs(open - angles.open)),
  })).toSorted((a, b) => a.distance - b.distance);
  return { ...nearest, fits: nearest.distance <= TOLERANCE };
}
