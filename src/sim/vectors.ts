import type { SceneMap } from './sceneMap.ts';
import { ALOHA_FINGER, fingerFromOpening, openingFromFinger } from '../robot/aloha.ts';

/** Joints of one arm in ALOHA's vector of 14, and in MuJoCo's 16, where each finger has its own. */
const perArm = 7;
const perArmInScene = 8;

/** Positions of the left finger, m, and how often the right one's are those. */
type Fingers = Pick<SceneMap['gripper'], 'closed' | 'open' | 'right'>;

const BUILT_IN: Fingers = { ...ALOHA_FINGER, right: -1 };

/** ALOHA's 14 positions (rad, openings) to the 16 controls of the scene (rad, finger metres). */
export function controlsFromPositions(
  positions: ArrayLike<number>,
  gripper = BUILT_IN,
): Float64Array {
  const controls = new Float64Array(2 * perArmInScene);
  for (const arm of [0, 1]) {
    for (let joint = 0; joint < 6; joint++)
      controls[arm * perArmInScene + joint] = positions[arm * perArm + joint];
    const finger = fingerFromOpening(positions[arm * perArm + 6], gripper);
    controls[arm * perArmInScene + 6] = finger;
    controls[arm * perArmInScene + 7] = gripper.right * finger;
  }
  return controls;
}

/** The scene's 16 joint values to ALOHA's 14; a gripper's opening is its left finger's. */
export function positionsFromJoints(joints: ArrayLike<number>, gripper = BUILT_IN): Float64Array {
  const positions = new Float64Array(2 * perArm);
  for (const arm of [0, 1]) {
    for (let joint = 0; joint < 6; joint++)
      positions[arm * perArm + joint] = joints[arm * perArmInScene + joint];
    positions[arm * perArm + 6] = openingFromFinger(joints[arm * perArmInScene + 6], gripper);
  }
  return positions;
}
