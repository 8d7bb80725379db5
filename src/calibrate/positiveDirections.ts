/**
 * Which way a joint of a ViperX 300 6DoF turns where its position grows, in words, by the driver's name
 * of it: its URDF's axes, with the arm reaching forward.
 */
const POSITIVE: Record<string, string> = {
  waist: 'turn the arm to its left, counter-clockwise seen from above',
  shoulder: 'lean the upper arm forward and down',
  elbow: 'bend the forearm down',
  forearm_roll: 'roll the forearm clockwise, looking from the elbow to the hand',
  wrist_angle: 'bend the hand down',
  wrist_rotate: 'roll the hand clockwise, looking from the elbow to the hand',
};

/** What to do with a joint so that its position grows. */
export const positiveDirection = (joint: string): string =>
  POSITIVE[joint] ?? 'move it the way that is to be positive';
