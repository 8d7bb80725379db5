import { spreadOf } from '../train/spread.ts';
import { generalisedAdvantages } from '../policyGradient/advantages.ts';
import { executedSummary } from '../../policy/choice/executedSummary.ts';
import { featuresOf } from '../../policy/choice/moment.ts';
import { uniformNumbers } from '../../tensors/noise.ts';
import type { KeptAttempt } from './attemptStore.ts';
import { balancedDraw } from './balance.ts';
import type { Judged } from '../../policy/choice/judge.ts';
import { type ChunkCritics, leastOfTwo } from './chunkCritics.ts';
import type { ChunkCriticConfig } from './config.ts';
import { scaleOf } from '../../tensors/scale.ts';

/** The chunks of attempts as critics see them, concatenated in order. */
export const judgedOf = (attempts: readonly Pick<KeptAttempt, 'chunks'>[]): Judged[] =>
  attempts.flatMap(({ chunks }) =>
    chunks.map((chunk) => ({ features: featuresOf(chunk), rows: executedSummary(chunk) })),
  );

export interface CriticLearning {
  critics: ChunkCritics;
  config: ChunkCriticConfig;
  gamma: number;
  seed: readonly number[];
}

/** Standardises the inputs by the chunks that are there when the first ones are. */
function settleScale(critics: ChunkCritics, chunks: readonly Judged[]): void {
  const { scale } = critics.state;
  if (scale.deviation.some((width) => width > 0)) return;
  const inputs = chunks.map(({ features, rows }) => Float32Array.of(...features, ...rows));
  critics.setScale(scaleOf(inputs));
}

/**
 * `steps` optimiser steps of critics on kept attempts, half of each step's attempts successes. Q's targets are λ-returns
 * over the target network's V: an attempt's end is terminal also where its time was up, for critics see how much time
 * has passed (Pardo et al., arXiv 1712.00378). V's are the least of two of Q's target networks. Returns the mean loss of
 * the last tenth of the steps; 0 where no attempt is kept.
 */
export async function learnCritics(
  { critics, config, gamma, seed }: CriticLearning,
  attempts: readonly KeptAttempt[],
  steps: number,
): Promise<number> {
  if (attempts.length === 0) return 0;
  const judgedIn = new Map(attempts.map((attempt) => [attempt, judgedOf([attempt])]));
  settleScale(critics, [...judgedIn.values()].flat());
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const drawn = balancedDraw(attempts, { count: config.attempts, successes: 0.5 }, [
      ...seed,
      step,
    ]);
    const chunks = drawn.flatMap((attempt) => judgedIn.get(attempt)!);
    const judged = await critics.judge(chunks, 'average');
    const values = judged.map(({ v }) => v);
    const ahead = generalisedAdvantages(drawn, values, { gamma, lambda: config.lambda });
    const draw = uniformNumbers([...seed, step, 1]);
    const qualities = judged.map(({ q }) => leastOfTwo(q, draw));
    const returns = values.map((value, i) => value + ahead[i]);
    const outcomes = drawn.flatMap(({ chunks, reward }) => chunks.map(() => reward));
    losses.push(await critics.step(chunks, returns, qualities, outcomes));
  }
  return spreadOf(losses.slice(-Math.ceil(steps / 10))).mean;
}
