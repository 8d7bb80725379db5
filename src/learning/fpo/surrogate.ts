import type { Value } from '../../onnx/graph.ts';
import {
  add,
  detach,
  divide,
  exponential,
  less,
  maximum,
  multiply,
  negate,
  power,
  reduceSum,
  reshape,
  squareRoot,
  subtract,
  where,
} from '../../onnx/operators.ts';
import { clampTo, clippedObjective, mean } from '../policyGradient/clipped.ts';
import type { SurrogateConfig } from './config.ts';

/** Clamps the value to ±`limit` while the gradient passes unchanged (arXiv 2602.02481, code). */
const clampStraightThrough = (x: Value, limit: number) =>
  add(x, detach(subtract(clampTo(x, -limit, limit), x)));

/** Standardises the change in loss over the batch; mean and deviation are treated as constants. */
function standardise(change: Value, floor: number): Value {
  const centred = subtract(change, detach(mean(change)));
  const deviation = squareRoot(mean(power(detach(centred), 2)));
  return divide(centred, maximum(deviation, floor));
}

/** Simple policy optimisation, ρA − |A| (ρ − 1)² / 2ε: a quadratic penalty instead of a clip. */
const spo = (ratio: Value, advantage: Value, clip: number) =>
  subtract(
    multiply(ratio, advantage),
    multiply(
      multiply(maximum(advantage, negate(advantage)), power(subtract(ratio, 1), 2)),
      1 / (2 * clip),
    ),
  );

function objective(
  ratio: Value,
  advantage: Value,
  { clipping, clip, aspo }: SurrogateConfig,
): Value {
  if (!clipping) return multiply(ratio, advantage);
  const clipped = clippedObjective(ratio, advantage, { low: clip, high: clip });
  return aspo ? where(less(advantage, 0), spo(ratio, advantage, clip), clipped) : clipped;
}

/** Losses of a batch's pairs, before and now, and its advantages. */
export interface SurrogateInputs {
  /** [batch·samples] under the policy that acted. */
  old: Value;
  /** [batch·samples] under the policy that learns. */
  current: Value;
  /** [batch] */
  advantages: Value;
  samples: number;
}

/**
 * The loss that FPO minimises, and its ratios: [batch·samples] per pair, or [batch] per chunk (see
 * SurrogateConfig.ratio). For `none` the ratios are per pair and only reported.
 */
export function surrogate(
  { old, current, advantages, samples }: SurrogateInputs,
  config: SurrogateConfig,
): { loss: Value; ratios: Value } {
  const [batch] = advantages.shape;
  const [pairs] = current.shape;
  const change = subtract(old, current);
  const ofChunks = () =>
    multiply(reduceSum(reshape(change, [batch, samples]), [1], false), 1 / samples);
  const ratioOf = (logRatio: Value) =>
    exponential(clampStraightThrough(logRatio, config.logRatioClamp));
  const column = reshape(advantages, [batch, 1]);
  const ones = advantages.graph.constant('float32', new Array<number>(samples).fill(1));
  const ofPairs = reshape(multiply(column, ones), [pairs]);
  const maximise = (ratios: Value, advantage: Value) => ({
    loss: negate(mean(objective(ratios, advantage, config))),
    ratios,
  });

  switch (config.ratio) {
    case 'pair':
      return maximise(ratioOf(change), ofPairs);
    case 'mean':
      return maximise(ratioOf(ofChunks()), advantages);
    case 'standardised': {
      const z = standardise(ofChunks(), config.deviationFloor);
      return maximise(ratioOf(multiply(z, config.beta)), advantages);
    }
    case 'none':
      return { loss: mean(multiply(current, ofPairs)), ratios: ratioOf(change) };
  }
}
