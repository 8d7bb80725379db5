const ARM = [
  'waist',
  'shoulder',
  'elbow',
  'forearm_roll',
  'wrist_angle',
  'wrist_rotate',
  'gripper',
];

/** The joints that bend an Interbotix arm, from its base on. */
export const CHAIN: readonly string[] = ARM.slice(0, -1);

/** Joints of ALOHA's state and action vectors, in their order. */
export const ALOHA_ORDER: readonly string[] = ['left', 'right'].flatMap((side) =>
  ARM.map((joint) => `${side}_${joint}`),
);

/** The order of the vectors of embodiments whose policies are published, by embodiment. */
const ORDERS: Readonly<Record<string, readonly string[]>> = { aloha: ALOHA_ORDER };

/** Orders of Interbotix' joints that hold for every robot that has just these: of two arms or one, grippers or none. */
const OWN_ORDERS: readonly (readonly string[])[] = [ALOHA_ORDER, ARM].flatMap((order) => [
  order,
  order.filter((name) => !name.endsWith('gripper')),
]);

/** Whether a joint's name is a known one, be it behind a prefix: `follower_left_waist` for `left_waist`. */
export const isNamed = (name: string, known: string) =>
  name === known || name.endsWith(`_${known}`);

/**
 * The order that joints of these names have in an embodiment's vectors: the embodiment's own, or that of
 * Interbotix' arms where the names are all of theirs, whatever the embodiment is called. Undefined where none
 * is known.
 */
export function orderOf(embodiment: string, names: readonly string[]) {
  const has = (known: string) => names.some((name) => isNamed(name, known));
  const order = ORDERS[embodiment];
  if (order) return order.some(has) ? order : undefined;
  return OWN_ORDERS.find((own) => own.length === names.length && own.every(has));
}

/** The joints that `orderOf` has where `names` has others, in words; nothing where no order is known. */
export function misplaced(embodiment: string, names: readonly string[]): string[] {
  const order = orderOf(embodiment, names);
  if (!order) return [];
  const length = Math.max(order.length, names.length);
  return Array.from({ length }, (_, i): string[] => {
    const [name, known] = [names[i], order[i]];
    if (name === undefined) return [`${known} is lacking`];
    if (known === undefined) return [`${name} is none of them`];
    return isNamed(name, known) ? [] : [`${name} instead of ${known}`];
  }).flat();
}

/** The side that a name states: `left_waist`, `follower_right`; undefined for neither or both. */
export function sideOf(name: string): 'left' | 'right' | undefined {
  const words = name.split('_');
  const [left, right] = [words.includes('left'), words.includes('right')];
  if (left === right) return undefined;
  return left ? 'left' : 'right';
}
