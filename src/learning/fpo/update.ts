import { UserError } from '../../errors.ts';
import type { CriticMetrics, PolicyMetrics, UpdateMetrics } from '../metrics.ts';
import { type Spread, spreadOf } from '../train/spread.ts';
import {
  discountedReturns,
  explainedVariance,
  generalisedAdvantages,
  standardised,
} from './advantages.ts';
import type { FpoConfig } from './config.ts';
import { type Critics, featuresOf } from './critics.ts';
import { STREAM, drawPairs } from './pairs.ts';
import type { Batch, LearningPolicy } from './policy.ts';
import { uniformOutcome, wasExecuted } from '../attempts/outcomes.ts';
import type { Rollout } from '../attempts/rollout.ts';
import { type Measures, checkStart, klLimit, reasonToStop, shareWithin } from './trustRegion.ts';
import { type Places, moveViews } from './views.ts';

/** The mutable state of a run. */
export interface FpoRun extends Places {
  readonly config: FpoConfig;
  policy: LearningPolicy;
  readonly critics: Critics;
  /** Number of updates. */
  updates: number;
  /** Number of policy updates: those after the warm-up whose attempts did not all end alike. */
  policyUpdates: number;
}

export interface FpoMetrics extends UpdateMetrics {
  /** Chunks with at least one executed row. */
  chunks: number;
  /** Before standardisation. */
  advantages: Spread;
  critics: CriticMetrics;
}

/**
 * One update of FPO (Lyu et al., arXiv 2510.09976) on attempts of the current policy, each with one bit of
 * success. Throws a UserError if no chunk was executed or a number is not finite.
 */
export async function update(run: FpoRun, attempts: readonly Rollout[]): Promise<FpoMetrics> {
  const { config, policy, critics, updates } = run;
  const chunks = attempts.flatMap((attempt) => attempt.chunks);
  if (!chunks.some(wasExecuted))
    throw new UserError(
      `an update needs attempts with chunks that were executed; these are ${attempts.length} attempts without any`,
      { kind: 'missing' },
    );

  // 1. The value V(s) of each chunk's observation, and the advantages over them of the executed chunks.
  const features = chunks.map(featuresOf);
  const values = await critics.values(features, 'parameters');
  const allAdvantages = generalisedAdvantages(attempts, values, config);
  const executed = chunks
    .map((chunk, i) => ({ chunk, advantage: allAdvantages[i] }))
    .filter(({ chunk }) => wasExecuted(chunk));
  const advantages = executed.map(({ advantage }) => advantage);

  // 2. The chunks whose advantages are large enough.
  const scaled = standardised(advantages, config.advantageFloor);
  const informative = executed
    .map(({ chunk }, i) => ({ chunk, advantage: scaled[i] }))
    .filter(({ advantage }) => Math.abs(advantage) >= config.minAdvantage);

  // 3. Pairs of noise and flow time, drawn once for all steps, and steps of the policy on the clipped
  // surrogate, ratio = exp(old loss − new loss), within the trust region.
  const isWarm = updates >= config.critics.warmUp;
  const skipped = isWarm ? uniformOutcome(attempts) : undefined;
  const movesPolicy = isWarm && skipped === undefined;
  let policyMetrics: PolicyMetrics | undefined;
  if (movesPolicy && informative.length > 0) {
    const batch = await policy.prepare(drawPairs(informative, updates, config));
    const limit = klLimit(config.trustRegion, run.policyUpdates);
    policyMetrics = await optimise(run, batch, limit);
  }

  // 4. The critics learn last, so that advantages come from values that have not seen these attempts.
  const valueLoss = await fitCritics(run, attempts, features);

  // 5. The view moves towards the views of the attempts that succeeded; that of each robot by its own attempts.
  const moved = moveViews(run, config.view, attempts);

  run.updates += 1;
  if (movesPolicy) run.policyUpdates += 1;
  return {
    update: run.updates,
    attempts: attempts.length,
    successes: attempts.filter(({ reward }) => reward > 0).length,
    chunks: executed.length,
    advantages: spreadOf(advantages),
    critics: {
      valueLoss,
      explainedVariance: explainedVariance(discountedReturns(attempts, config.gamma), values),
    },
    ...moved,
    ...(skipped !== undefined && { skipped }),
    ...(policyMetrics && { policy: policyMetrics }),
  };
}

/**
 * Maximum number of times that the last step is shortened; earlier steps may already have left the trust
 * region.
 */
const MAX_BACKTRACKS = 4;

/**
 * Takes up to `epochs` steps and stops before a step if the policy is already outside the limits. If the last
 * step leaves the trust region, it is shortened until the policy is inside.
 */
export async function optimise(
  { policy, config }: Pick<FpoRun, 'policy' | 'config'>,
  batch: Batch,
  limit: number,
): Promise<PolicyMetrics> {
  const norms: number[] = [];
  let stopped: string | undefined;
  let measures: Measures | undefined;
  while (norms.length < config.epochs && stopped === undefined) {
    const norm = await policy.step(batch, (before) => {
      measures = before;
      if (norms.length === 0) checkStart(before);
      stopped = reasonToStop(before, limit, config);
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

  const executedRows = batch.chunks.map(({ chunk: { mask } }) => mask.reduce((a, b) => a + b, 0));
  const rows = spreadOf(executedRows).mean;
  const oldLosses = batch.chunks.flatMap((chunk) => [...chunk.oldLosses]);
  return {
    steps: norms.length,
    ...(stopped !== undefined && { stopped }),
    ratios: spreadOf(last.ratios),
    clipFraction: last.clipFraction,
    approxKl: last.approxKl,
    klLimit: limit,
    expectedGain: last.expectedGain,
    gradientNorm: norms.length > 0 ? spreadOf(norms).mean : 0,
    lossBefore: spreadOf(oldLosses).mean / rows,
    lossAfter: last.loss / rows,
  };
}

/** Fits the critics to λ-returns of the target networks; returns the mean squared error of the last epoch. */
async function fitCritics(
  { config: { seed, gamma, critics: settings }, critics, updates }: FpoRun,
  attempts: readonly Rollout[],
  features: readonly Float32Array[],
): Promise<number> {
  let loss = 0;
  for (let epoch = 0; epoch < settings.epochs; epoch++) {
    const values = await critics.values(features, 'average');
    const advantages = generalisedAdvantages(attempts, values, { gamma, lambda: settings.lambda });
    const targets = values.map((value, i) => value + advantages[i]);
    loss = await critics.train(features, targets, [seed, STREAM.criticOrder, updates, epoch]);
  }
  return loss;
}
