import { straightView } from '../../images/viewShift.ts';
import { standardised } from './advantages.ts';
import type { Rollout } from './rollout.ts';

/**
 * Which way attempts succeeded that looked there, [cameras, 2]: the mean over them of the standardised reward
 * times their view, the natural gradient of the expected reward by the mean of a Gaussian (Wierstra et al.
 * 2014). Rewards have no baseline of critics: those see the pictures, and so the view. In no number farther
 * than the attempts' spread in it (Cauchy–Schwarz); undefined where views or rewards are all alike.
 */
export function viewStep(
  rollouts: readonly Pick<Rollout, 'reward' | 'chunks'>[],
  cameras: number,
): Float32Array | undefined {
  const straight = straightView(cameras);
  const views = rollouts.map(({ chunks }) => chunks[0].view ?? straight);
  const rewards = rollouts.map(({ reward }) => reward);
  const isAlike = (values: ArrayLike<number>[]) =>
    values.every((one) => Array.from(one).every((value, i) => value === values[0][i]));
  if (isAlike(rewards.map((reward) => [reward])) || isAlike(views)) return undefined;
  const told = standardised(rewards, Number.MIN_VALUE);
  return straight.map(
    (_, i) => views.reduce((sum, view, attempt) => sum + told[attempt] * view[i], 0) / views.length,
  );
}
