const ARM = [
  'waist',
  'shoulder',
  'elbow',
  'forearm_roll',
  'wrist_angle',
  'wrist_rotate',
  'gripper',
];

/** Joints of ALOHA's state and action vectors, in their order. */
export const ALOHA_ORDER: readonly string[] = ['left', 'right'].flatMap((side) =>
  ARM.map((joint) => `${side}_${joint}`),
);

/** The order of the vectors of embodiments whose policies are published, by embodiment. */
const ORDERS: Readonly<Record<string, readonly string[]>> = { aloha: ALOHA_ORDER };

/** Whether a joint's name is a known one, be it behind a prefix: `follower_left_waist` for `left_waist`. */
const isNamed = (name: string, known: string) => name === known || name.endsWith(`_${known}`);

/**
 * The joints that an embodiment's vectors have where `names` has others, in words; nothing for an embodiment
 * that is not known, or whose joints bear none of the known names.
 */
export function misplaced(embodiment: string, names: readonly string[]): string[] {
  const order = ORDERS[embodiment];
  if (!order?.some((known) => names.some((name) => isNamed(name, known)))) return [];
  const length = Math.max(order.length, names.length);
  return Array.from({ length }, (_, i): string[] => {
    const [name, known] = [names[i], order[i]];
    if (name === undefined) return [`${known} is lacking`];
    if (known === undefined) return [`${name} is none of them`];
    return isNamed(name, known) ? [] : [`${name} in the place of ${known}`];
  }).flat();
}

/** The side that a name speaks of: `left_waist`, `follower_right`; undefined for neither or both. */
export function sideOf(name: string): 'left' | 'right' | undefined {
  const words = name.split('_');
  const [left, right] = [words.includes('left'), words.includes('right')];
  if (left === right) return undefined;
  return left ? 'left' : 'right';
}
