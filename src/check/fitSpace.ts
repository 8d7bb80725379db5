import { type TransformsConfig, makeTransforms } from '../policy/vectors/transforms.ts';
import { shapeOf } from '../policy/families/registry.ts';
import { type NormalisationConfig, isNormalisation } from '../policy/vectors/normalisation.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import type { BundleConfig } from '../policy/bundle/config.ts';

/** The distribution of each joint in the training data. */
export interface Spread {
  /** [joints] mean, or the midpoint of the quantiles. */
  centre: readonly number[];
  /** [joints] standard deviation, or its estimate from the quantiles. */
  deviation: readonly number[];
  /** A joint's statistics as text. */
  words: (joint: number) => string;
}

/** The space of a policy's normalisation statistics: the robot's space after the transforms before normalisation. */
export interface PolicySpace {
  state: Spread;
  actions: Spread;
  /** The transforms before normalisation. */
  before: TransformsConfig;
  normalisation: NormalisationConfig;
  /** [joints] robot's positions → [joints] in this space, by `before` or by other transforms in its place. */
  encode: (position: Float64Array, before?: TransformsConfig) => Float32Array;
}

/** Standard deviations from the middle of a normal distribution to its 99th percentile. */
export const DEVIATIONS_TO_Q99 = 2.326;

function spreads(normalisation: NormalisationConfig): { state: Spread; actions: Spread } {
  if (normalisation.type === 'meanStd') {
    const { state, actions } = normalisation;
    const spread = ({ mean, std }: typeof state): Spread => ({
      centre: mean,
      deviation: std,
      words: (joint) => `${mean[joint].toFixed(2)} ± ${std[joint].toFixed(2)}`,
    });
    return { state: spread(state), actions: spread(actions) };
  }
  const { state, actions } = normalisation;
  const spread = ({ q01, q99 }: typeof state): Spread => ({
    centre: q01.map((low, joint) => (low + q99[joint]) / 2),
    deviation: q01.map((low, joint) => (q99[joint] - low) / 2 / DEVIATIONS_TO_Q99),
    words: (joint) => `${q01[joint].toFixed(2)} to ${q99[joint].toFixed(2)}`,
  });
  return { state: spread(state), actions: spread(actions) };
}

/** The policy's space; undefined for a policy without normalisation. */
export function policySpace(
  { transforms }: BundleConfig,
  { joints }: Embodiment,
): PolicySpace | undefined {
  const normalisation = transforms.find(isNormalisation);
  if (!normalisation) return undefined;
  const before = transforms.slice(0, transforms.indexOf(normalisation));
  const dimensions = { stateDim: joints.length, actionDim: joints.length };
  return {
    ...spreads(normalisation),
    before,
    normalisation,
    encode: (position, other = before) => makeTransforms(other, dimensions).state(position),
  };
}

/** A policy's action statistics converted to the joints of a robot at `position` [joints]: rad, openings. */
export function actionsSpread(
  policy: BundleConfig,
  { normalisation }: PolicySpace,
  position: Float64Array,
): Spread {
  const joints = position.length;
  const one = normalisation.type === 'meanStd' ? 1 : 1 / DEVIATIONS_TO_Q99;
  const shape = shapeOf(policy);
  const { actionDim } = shape;
  const normalised = new Float32Array(3 * actionDim);
  normalised.fill(-one, actionDim, 2 * actionDim).fill(one, 2 * actionDim);
  const decoded = makeTransforms(policy.transforms, shape).actions(normalised, position);
  const row = (index: number) => decoded.subarray(index * joints, (index + 1) * joints);
  const [middle, below, above] = [row(0), row(1), row(2)];
  const deviation = Array.from(middle, (_, joint) => Math.abs(above[joint] - below[joint]) / 2);
  return {
    centre: [...middle],
    deviation,
    words: (joint) => `${middle[joint].toFixed(2)} ± ${deviation[joint].toFixed(2)}`,
  };
}
