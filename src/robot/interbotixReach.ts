import type { Calibration } from './calibration.ts';
import { CHAIN, isNamed } from './jointOrder.ts';

/** How far a joint turns, rad: either way from its driver's zero, and from end to end. */
interface Reach {
  farthest: number;
  span: number;
}

/**
 * Of joints that meet the arm itself, and of those that go all the way round, in the position mode of their
 * motors. Wider than any Interbotix arm's URDF, for offsets.
 */
const BEND: Reach = { farthest: 3, span: 4.5 };
const ROLL: Reach = { farthest: 3.5, span: 6.3 };

const REACHES: Readonly<Record<string, Reach>> = {
  waist: ROLL,
  shoulder: BEND,
  elbow: BEND,
  forearm_roll: ROLL,
  wrist_angle: BEND,
  wrist_rotate: ROLL,
};

type Joints = Calibration['joints'];

const partOf = ({ name, joint }: Joints[number]) =>
  CHAIN.find((part) => isNamed(name, part)) ?? CHAIN.find((part) => part === joint);

/** Whether an arm's joints bear Interbotix' names; arms of five joints have no forearm_roll. */
const isInterbotix = (joints: Joints): boolean =>
  CHAIN.every((part) => part === 'forearm_roll' || joints.some((joint) => partOf(joint) === part));

/** A joint's limit that its motor cannot go to. */
export interface Unreachable {
  index: number;
  field: 'lower' | 'upper';
  message: string;
}

/** The limits that no joint of an Interbotix arm reaches, of the arms that bear Interbotix' names. */
export function unreachable(joints: Joints): Unreachable[] {
  return joints.flatMap((joint, index): Unreachable[] => {
    const reach = REACHES[partOf(joint) ?? ''];
    const { kind, arm, offset, lower, upper } = joint;
    if (!reach || kind !== 'arm' || !isInterbotix(joints.filter((other) => other.arm === arm)))
      return [];
    const remedy = "give a limit a little inside the one of the arm's URDF, in radians";
    const far = (['lower', 'upper'] as const).filter(
      (field) => Math.abs(joint[field] - offset) > reach.farthest,
    );
    if (far.length > 0)
      return far.map((field) => ({
        index,
        field,
        message: `${joint[field]}${offset === 0 ? '' : ` with an offset of ${offset}`} lies beyond ±${reach.farthest}, and no such joint of an Interbotix arm turns farther; ${remedy}`,
      }));
    if (upper - lower <= reach.span) return [];
    const message = `${lower} to ${upper} is more than ${reach.span} from end to end, and no such joint of an Interbotix arm turns farther; ${remedy}`;
    return [{ index, field: 'lower', message }];
  });
}
