/** Joint angles of a gripper's driver, rad. */
export interface GripperAngles {
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
} as const satisfies Record<string, GripperAngles>;

export type GripperSet = keyof typeof GRIPPER_SETS;

/** rad that each end of a gripper may lie from a constant set's: fingers stop short of the ends. */
const TOLERANCE = 0.2;

const SETS = Object.entries(GRIPPER_SETS) as [GripperSet, GripperAngles][];

/** The constant set that these angles are, to the last digit. */
export const gripperSetOf = ({ closed, open }: GripperAngles): GripperSet | undefined =>
  SETS.find(([, angles]) => angles.closed === closed && angles.open === open)?.[0];

export interface SetMatch {
  set: GripperSet;
  /** rad, of the end that lies farther away. */
  distance: number;
  /** Whether it is near enough to be that set. */
  fits: boolean;
}

/** The constant set nearest to a gripper's measured ends. */
export function nearestGripperSet({ closed, open }: GripperAngles): SetMatch {
  const [nearest] = SETS.map(([set, angles]) => ({
    set,
    distance: Math.max(Math.abs(closed - angles.closed), Math.abs(open - angles.open)),
  })).toSorted((a, b) => a.distance - b.distance);
  return { ...nearest, fits: nearest.distance <= TOLERANCE };
}
