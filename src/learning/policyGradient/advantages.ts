import { spreadOf } from '../train/spread.ts';
import type { RolloutChunk } from '../attempts/rollout.ts';

/** Input of advantage estimation: an attempt's chunks, and the reward at its last step. */
export interface CreditedAttempt {
  reward: number;
  /** Each with the number of its control steps that were executed (see stepsOfChunks). */
  chunks: readonly Pick<RolloutChunk, 'steps'>[];
}

export interface CreditRates {
  /** Discount per control step. */
  gamma: number;
  /** λ of generalised advantage estimation, per chunk. */
  lambda: number;
}

/**
 * The advantage of each chunk of an attempt (generalised advantage estimation, arXiv 1506.02438), from the
 * `values` of the chunks' observations. A chunk is one action that lasts as many control steps as were
 * executed of it: γ applies per step, λ per chunk. Advantage + value is the λ-return. `dense` are further rewards, of
 * each chunk.
 */
function attemptAdvantages(
  { reward, chunks }: CreditedAttempt,
  values: readonly number[],
  { gamma, lambda }: CreditRates,
  dense: readonly number[] = [],
): number[] {
  const advantages = new Array<number>(chunks.length).fill(0);
  let later = 0;
  for (let i = chunks.length - 1; i >= 0; i--) {
    const { steps } = chunks[i];
    const isLast = i === chunks.length - 1;
    const discount = gamma ** steps;
    const earned = isLast ? gamma ** (steps - 1) * reward : discount * values[i + 1];
    later = (dense.at(i) ?? 0) + earned - values[i] + (isLast ? 0 : discount * lambda * later);
    advantages[i] = later;
  }
  return advantages;
}

/** Advantages of the chunks of several attempts, concatenated in order, like `values` and `dense`. */
export function generalisedAdvantages(
  attempts: readonly CreditedAttempt[],
  values: readonly number[],
  rates: CreditRates,
  dense: readonly number[] = [],
): number[] {
  let from = 0;
  return attempts.flatMap((attempt) => {
    const own = [from, (from += attempt.chunks.length)] as const;
    return attemptAdvantages(attempt, values.slice(...own), rates, dense.slice(...own));
  });
}

/** Discounted reward from each chunk on. */
export function discountedReturns(attempts: readonly CreditedAttempt[], gamma: number): number[] {
  const count = attempts.reduce((sum, { chunks }) => sum + chunks.length, 0);
  return generalisedAdvantages(attempts, new Array<number>(count).fill(0), { gamma, lambda: 1 });
}

/** Standardises numbers: minus the mean, divided by the larger of the standard deviation and `floor`. */
export function standardised(values: readonly number[], floor: number): number[] {
  const { mean, deviation } = spreadOf(values);
  return values.map((value) => (value - mean) / Math.max(deviation, floor));
}

/** Explained variance: the share of the variance of `returns` that `values` explain, at most 1. */
export function explainedVariance(returns: readonly number[], values: readonly number[]): number {
  const variance = spreadOf(returns).deviation ** 2;
  const errors = returns.reduce((sum, y, i) => sum + (y - values[i]) ** 2, 0) / returns.length;
  return variance > 0 ? 1 - errors / variance : 0;
}
