import type { PolicyMetrics, UpdateMetrics } from '../metrics.ts';
import { type Spread, spreadOf } from '../train/spread.ts';
import { countsOf, executedAttempts, uniformOutcome, wasExecuted } from '../attempts/outcomes.ts';
import type { Rollout } from '../attempts/rollout.ts';
import type { Baseline } from './baseline.ts';
import type { GradientConfig } from './config.ts';
import type { LearningPolicy } from './learningPolicy.ts';
import { optimise } from './optimise.ts';
import { klLimit } from './trustRegion.ts';
import { type Places, moveViews } from './views.ts';

/** The mutable state of a run. */
export interface GradientRun extends Places {
  readonly config: GradientConfig;
  policy: LearningPolicy;
  readonly baseline: Baseline;
  /** See Moment. */
  versions(): string[];
  /** Number of updates. */
  updates: number;
  /** Number of policy updates: those after the warm-up whose attempts did not all end alike. */
  policyUpdates: number;
}

export interface GradientMetrics extends UpdateMetrics {
  /** Chunks with at least one executed row. */
  chunks: number;
  /** Before standardisation. */
  advantages: Spread;
}

/**
 * One update of a policy gradient on attempts of the current policy, each with one bit of success: of FPO (Lyu et al.,
 * arXiv 2510.09976), of PPO (arXiv 1707.06347) or GRPO (arXiv 2402.03300) on tokens. They differ in the ratio, which
 * is the policy's, and in what attempts are compared with. Throws a UserError if no chunk was executed or a number is
 * not finite.
 */
export async function update(
  run: GradientRun,
  attempts: readonly Rollout[],
): Promise<GradientMetrics> {
  const { config, policy, baseline, updates } = run;
  executedAttempts(attempts);
  const chunks = attempts.flatMap((attempt) => attempt.chunks);

  // 1. The advantages of the executed chunks.
  const assessment = await baseline.assess(attempts);
  const executed = chunks
    .map((chunk, i) => ({ chunk, advantage: assessment.advantages[i] }))
    .filter(({ chunk }) => wasExecuted(chunk));
  const advantages = executed.map(({ advantage }) => advantage);

  // 2. The chunks whose advantages are large enough.
  const scaled = baseline.scaled(advantages);
  const informative = executed
    .map(({ chunk }, i) => ({ chunk, advantage: scaled[i] }))
    .filter(({ advantage }) => Math.abs(advantage) >= config.minAdvantage);

  // 3. Steps of the policy on the clipped surrogate, within the trust region.
  const isWarm = updates >= baseline.warmUp;
  const skipped = isWarm ? uniformOutcome(attempts) : undefined;
  const movesPolicy = isWarm && skipped === undefined;
  let policyMetrics: PolicyMetrics | undefined;
  if (movesPolicy && informative.length > 0) {
    const batch = await policy.batchOf(informative, { update: updates, versions: run.versions() });
    const limit = klLimit(config.trustRegion, run.policyUpdates);
    policyMetrics = await optimise({ policy, config }, batch, limit);
  }

  // 4. What attempts are compared with learns last, so that it has not seen these when they were assessed.
  const critics = await assessment.learn(updates);

  // 5. The view moves towards the views of the attempts that succeeded; that of each robot by its own attempts.
  const moved = config.view === undefined ? {} : moveViews(run, config.view, attempts);

  run.updates += 1;
  if (movesPolicy) run.policyUpdates += 1;
  return {
    update: run.updates,
    ...countsOf(attempts),
    chunks: executed.length,
    advantages: spreadOf(advantages),
    ...(critics && { critics }),
    ...moved,
    ...(skipped !== undefined && { skipped }),
    ...(policyMetrics && { policy: policyMetrics }),
  };
}
