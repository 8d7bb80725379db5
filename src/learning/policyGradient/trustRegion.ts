import { UserError } from '../../errors.ts';
import type { GradientConfig } from './config.ts';

/** Largest distance of a ratio from 1 before the first step; beyond it old and new are not of the same kind. */
const RATIO_TOLERANCE = 1e-3;

/** Largest approximate KL of an update after so many policy updates. */
export function klLimit(
  { maxKl, decay }: GradientConfig['trustRegion'],
  policyUpdates: number,
): number {
  return maxKl * (1 - (1 - decay.share) * Math.min(1, policyUpdates / decay.updates));
}

/**
 * How far the policy is from the one at the update's start, from the outputs of the surrogate's graph. Ratios are of
 * pairs of noise and time, or of tokens.
 */
export interface Measures {
  /** Those that are clipped. */
  ratios: number[];
  /** Mean loss of an executed row, or of a token. */
  loss: number;
  /** Mean of ratio − 1 − log ratio (Schulman's estimate of the KL divergence). */
  approxKl: number;
  /** Mean of advantage · (ratio − 1), unclipped. */
  expectedGain: number;
  /** Share of `ratios` outside 1 ± clip. */
  clipFraction: number;
  /** Largest distance of a ratio from 1. */
  farthestRatio: number;
}

/** The reason to stop before the next step; undefined if it may be taken. */
export function reasonToStop(
  { approxKl, clipFraction }: Measures,
  limit: number,
  { trustRegion: { maxClipFraction } }: Pick<GradientConfig, 'trustRegion'>,
  clips = true,
): string | undefined {
  if (approxKl > limit)
    return `approximate KL ${approxKl.toPrecision(3)} is above ${Number(limit.toPrecision(3))}`;
  if (clips && clipFraction > maxClipFraction)
    return `${(100 * clipFraction).toFixed(0)} % of the ratios are clipped, above ${100 * maxClipFraction} %`;
  return undefined;
}

/** Throws a UserError unless all ratios are 1 before the first step. */
export function checkStart({ farthestRatio }: Measures): void {
  if (!(farthestRatio < RATIO_TOLERANCE))
    throw new UserError(
      `before the first step a ratio differs from 1 by ${farthestRatio.toPrecision(3)}: the chunks are not this policy's as they were recorded; look for broken episodes`,
      { kind: 'mismatch' },
    );
}

/** The factor on a step's length that brings approxKl back to the limit: approxKl grows with its square. */
export const shareWithin = ({ approxKl }: Measures, limit: number): number =>
  Math.min(0.9, Math.sqrt(limit / approxKl));
