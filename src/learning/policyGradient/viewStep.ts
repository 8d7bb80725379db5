import { straightView } from '../../images/view.ts';
import { standardised } from './advantages.ts';
import type { Rollout } from '../attempts/rollout.ts';

/**
 * Step of the view [cameras, 2] towards the views of the attempts that succeeded: the mean over attempts of
 * standardised reward times view. This is the natural gradient of the expected reward with respect to the
 * mean of a Gaussian (Wierstra et al. 2014). The critics are no baseline here, because the view influences
 * their input. By Cauchy–Schwarz, no component exceeds the views' deviation. Undefined if all views or all
 * rewards are equal.
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
  const advantages = standardised(rewards, Number.MIN_VALUE);
  return straight.map(
    (_, i) =>
      views.reduce((sum, view, attempt) => sum + advantages[attempt] * view[i], 0) / views.length,
  );
}
