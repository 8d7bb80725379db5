import { standardised } from './credit.ts';
import type { Rollout } from './rollouts.ts';

/** What the views of some attempts told of success; each [cameras, 2]. */
export interface ViewStep {
  /** To go, before the rate. */
  step: Float32Array;
  /** Deviation of the attempts' views. */
  spread: Float32Array;
}

/**
 * Which way attempts that looked there succeeded more: the mean over them of the standardised reward times
 * their view, the natural gradient of the expected reward by the mean of a Gaussian (Wierstra et al. 2014).
 * Rewards have no baseline of critics: those see the pictures, and so the view. In no number farther than
 * the attempts' spread in it (Cauchy–Schwarz); undefined where views or rewards are all alike.
 */
export function viewStep(
  rollouts: readonly Pick<Rollout, 'reward' | 'chunks'>[],
  cameras: number,
): ViewStep | undefined {
  const straight = new Float32Array(2 * cameras);
  const views = rollouts.map(({ chunks }) => chunks[0].view ?? straight);
  const rewards = rollouts.map(({ reward }) => reward);
  const meanOf = (of: (attempt: number) => number) =>
    views.reduce((sum, _, attempt) => sum + of(attempt), 0) / views.length;
  const told = standardised(rewards, Number.MIN_VALUE);
  const step = straight.map((_, i) => meanOf((attempt) => told[attempt] * views[attempt][i]));
  const spread = straight.map((_, i) => {
    const middle = meanOf((attempt) => views[attempt][i]);
    return Math.sqrt(meanOf((attempt) => (views[attempt][i] - middle) ** 2));
  });
  const isAlike = (values: readonly number[]) => values.every((value) => value === values[0]);
  if (isAlike(rewards) || spread.every((deviation) => deviation === 0)) return undefined;
  return { step, spread };
}
