import type { PolicyMetrics } from '../metrics.ts';
import { spreadOf } from '../train/spread.ts';
import type { GradientConfig } from './config.ts';
import type { Batch, LearningPolicy } from './learningPolicy.ts';
import { type Measures, checkStart, reasonToStop, shareWithin } from './trustRegion.ts';

/**
 * Maximum number of times that the last step is shortened; earlier steps may already have left the trust
 * region.
 */
const MAX_BACKTRACKS = 4;

/** A policy that makes steps, and how many at most. */
interface Optimised<B extends Batch> {
  policy: Omit<LearningPolicy<B>, 'batchOf'>;
  config: Pick<GradientConfig, 'epochs' | 'trustRegion'>;
}

/**
 * Takes up to `epochs` steps and stops before a step if the policy is already outside the limits. If the last
 * step leaves the trust region, it is shortened until the policy is inside.
 */
export async function optimise<B extends Batch>(
  { policy, config }: Optimised<B>,
  batch: B,
  limit: number,
): Promise<PolicyMetrics> {
  const norms: number[] = [];
  let stopped: string | undefined;
  let first: Measures | undefined;
  let measures: Measures | undefined;
  while (norms.length < config.epochs && stopped === undefined) {
    const norm = await policy.step(batch, (before) => {
      measures = before;
      first ??= before;
      if (norms.length === 0) checkStart(before);
      stopped = reasonToStop(before, limit, config, policy.clips);
      return stopped === undefined;
    });
    if (norm !== undefined) norms.push(norm);
  }

  // Measures describe the policy before a step, so it is measured once more after the last one.
  let last = stopped === undefined ? await policy.measure(batch) : measures!;
  for (
    let tries = 0;
    norms.length > 0 && last.approxKl > limit && tries < MAX_BACKTRACKS;
    tries++
  ) {
    policy.shortenStep(shareWithin(last, limit));
    last = await policy.measure(batch);
  }
  return {
    steps: norms.length,
    ...(stopped !== undefined && { stopped }),
    ratios: spreadOf(last.ratios),
    clipFraction: last.clipFraction,
    approxKl: last.approxKl,
    klLimit: limit,
    expectedGain: last.expectedGain,
    gradientNorm: norms.length > 0 ? spreadOf(norms).mean : 0,
    lossBefore: first!.loss,
    lossAfter: last.loss,
  };
}
