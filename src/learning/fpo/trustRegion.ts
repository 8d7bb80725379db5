import { UserError } from '../../errors.ts';
import type { Tensor } from '../../session/session.ts';
import { spreadOf } from '../train/spread.ts';
import type { FpoConfig } from './config.ts';
import type { PreparedChunk } from './pairs.ts';

/** Largest distance of a ratio from 1 before the first step; beyond it old and new losses are not of the same kind. */
const RATIO_TOLERANCE = 1e-3;

/** Largest approximate KL of an update after so many policy updates. */
export function klLimit({ maxKl, decay }: FpoConfig['trustRegion'], policyUpdates: number): number {
  return maxKl * (1 - (1 - decay.share) * Math.min(1, policyUpdates / decay.updates));
}

/** How far the policy is from the one at the update's start, from the outputs of the surrogate's graph. */
export interface Measures {
  /** See surrogate. */
  ratios: number[];
  /** Mean of the pairs' losses. */
  loss: number;
  /** Mean over pairs of ratio − 1 − log ratio (Schulman's estimate of the KL divergence). */
  approxKl: number;
  /** Mean over pairs of advantage · (ratio − 1), unclipped. */
  expectedGain: number;
  /** Share of `ratios` outside 1 ± clip. */
  clipFraction: number;
  /** Largest distance of a pair's ratio from 1. */
  farthestRatio: number;
}

export function measure(
  chunks: readonly PreparedChunk[],
  outputs: readonly Record<string, Tensor>[],
  { clip, ablation: { logRatioClamp } }: Pick<FpoConfig, 'clip' | 'ablation'>,
): Measures {
  const all = (name: string) => outputs.flatMap((part) => [...(part[name].data as Float32Array)]);
  const [ratios, losses] = [all('ratios'), all('losses')];
  const logRatios = chunks
    .flatMap(({ oldLosses }) => [...oldLosses])
    .map((old, i) => Math.max(-logRatioClamp, Math.min(logRatioClamp, old - losses[i])));
  const mean = (values: ArrayLike<number>) => spreadOf(values).mean;
  const advantageOf = (pair: number) =>
    chunks[Math.floor((pair * chunks.length) / logRatios.length)].advantage;
  return {
    ratios,
    loss: mean(losses),
    approxKl: mean(logRatios.map((log) => Math.expm1(log) - log)),
    expectedGain: mean(logRatios.map((log, i) => advantageOf(i) * Math.expm1(log))),
    clipFraction: mean(ratios.map((ratio) => Number(Math.abs(ratio - 1) > clip))),
    farthestRatio: logRatios.reduce((most, log) => Math.max(most, Math.abs(Math.expm1(log))), 0),
  };
}

/** The reason to stop before the next step; undefined if it may be taken. */
export function reasonToStop(
  { approxKl, clipFraction }: Measures,
  limit: number,
  { trustRegion: { maxClipFraction }, ablation: { ratio, clipping } }: FpoConfig,
): string | undefined {
  if (approxKl > limit)
    return `approximate KL ${approxKl.toPrecision(3)} is above ${Number(limit.toPrecision(3))}`;
  const isClipped = clipping && ratio !== 'none';
  if (isClipped && clipFraction > maxClipFraction)
    return `${(100 * clipFraction).toFixed(0)} % of the ratios are clipped, above ${100 * maxClipFraction} %`;
  return undefined;
}

/** Throws a UserError unless all ratios are 1 before the first step. */
export function checkStart({ farthestRatio }: Measures): void {
  if (!(farthestRatio < RATIO_TOLERANCE))
    throw new UserError(
      `before the first step a ratio differs from 1 by ${farthestRatio.toPrecision(3)}: the old losses are not those of this policy on these chunks; look for broken episodes`,
      { kind: 'mismatch' },
    );
}

/** The factor on a step's length that brings approxKl back to the limit: approxKl grows with its square. */
export const shareWithin = ({ approxKl }: Measures, limit: number): number =>
  Math.min(0.9, Math.sqrt(limit / approxKl));
