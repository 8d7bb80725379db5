import { UserError } from '../../errors.ts';
import type { ClipRange } from '../policyGradient/clipped.ts';
import type { AdvantageChunk } from '../policyGradient/learningPolicy.ts';
import type { Measures } from '../policyGradient/trustRegion.ts';
import { spreadOf } from '../train/spread.ts';

/** A chunk with the log-probabilities of its tokens when the update begins. */
export interface PreparedTokens extends AdvantageChunk {
  /** [tokens] */
  start: Float32Array;
}

const mean = (values: ArrayLike<number>) => spreadOf(values).mean;

/**
 * Measures of an update's tokens from their log-probabilities now. Ratios are to those at which they were drawn, which
 * clipping is about; how far the policy has moved is told from the update's start.
 */
export function measureTokens(
  chunks: readonly PreparedTokens[],
  now: readonly Float32Array[],
  { low, high }: ClipRange,
): Measures {
  const each = <T>(give: (chunk: PreparedTokens, own: number, at: number) => T): T[] =>
    chunks.flatMap((chunk, i) => Array.from(now[i], (own, at) => give(chunk, own, at)));
  const moved = each(({ start }, own, at) => own - start[at]);
  const advantages = each(({ advantage }) => advantage);
  const ratios = each(({ chunk }, own, at) => Math.exp(own - chunk.tokens!.logProbabilities[at]));
  return {
    ratios,
    loss: -mean(each((_, own) => own)),
    approxKl: mean(moved.map((log) => Math.expm1(log) - log)),
    expectedGain: mean(moved.map((log, i) => advantages[i] * Math.expm1(log))),
    clipFraction: mean(ratios.map((ratio) => Number(ratio < 1 - low || ratio > 1 + high))),
    farthestRatio: moved.reduce((most, log) => Math.max(most, Math.abs(Math.expm1(log))), 0),
  };
}

/**
 * Largest mean distance of the log-probabilities of a policy's own tokens from those that were recorded. Another
 * precision of the sampler makes a few hundredths.
 */
const LARGEST_DISTANCE = 0.1;

/** Throws a `UserError` where chunks of these versions are not as likely now as when they were drawn. */
export function checkRecorded(
  chunks: readonly PreparedTokens[],
  versions: readonly string[],
): void {
  const apart = chunks
    .filter(({ chunk }) => versions.includes(chunk.policyVersion))
    .flatMap(({ chunk, start }) =>
      Array.from(start, (own, at) => Math.abs(own - chunk.tokens!.logProbabilities[at])),
    );
  if (apart.length === 0 || mean(apart) < LARGEST_DISTANCE) return;
  throw new UserError(
    `the tokens that this policy drew have other log-probabilities than were recorded, by ${mean(apart).toPrecision(3)} on average: ratios would not begin at 1; look for broken episodes, or for a sampler whose precision is too low`,
    { kind: 'mismatch', fields: ['tokens'] },
  );
}
