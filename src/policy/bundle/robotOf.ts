import { ALOHA_ORDER } from '../../robot/jointOrder.ts';
import { vectorSizes } from '../vectors/transforms.ts';
import type { Bundle } from './config.ts';

/** A policy's robot as far as the policy tells of it. */
export interface BundleRobot {
  name: string;
  /** Names of the numbers of a state. */
  joints: string[];
  /** Numbers of an action. */
  actions: number;
}

/** Names of so many joints: ALOHA's own, of other robots numbers. */
const namesOf = (embodiment: string, count: number) =>
  embodiment === 'aloha' && count === ALOHA_ORDER.length
    ? [...ALOHA_ORDER]
    : Array.from({ length: count }, (_, i) => `joint_${i + 1}`);

/** The robot that a bundle is for: the sizes of its vectors, where its transforms have figures for them. */
export function robotOf({
  embodiment: name,
  transforms,
  shape: { stateDim, actionDim },
}: Pick<Bundle, 'embodiment' | 'transforms' | 'shape'>): BundleRobot {
  const most = Math.min(stateDim, actionDim);
  const { state, actions } = vectorSizes(transforms) ?? { state: most, actions: most };
  return { name, joints: namesOf(name, state), actions };
}
