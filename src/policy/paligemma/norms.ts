import type { NormedSum } from '../../onnx/fusedOperators.ts';
import type { Value } from '../../onnx/graph.ts';
import { add, cast, multiply, reshape, rmsNorm } from '../../onnx/operators.ts';
import { kernelsOf } from './kernels.ts';
import type { Tokens, Weights } from './network.ts';

const EPSILON = 1e-6;

/**
 * What conditions an adaptive RMS norm and the block behind it, each [width] for all tokens alike, or
 * [batch, 1 or count, width].
 */
export interface Modulation {
  scale: Value;
  shift: Value;
  gate: Value;
}

/** Modulations by the names of their norms; a norm without one has a weight of its own. */
export type Modulations = ReadonlyMap<string, Modulation>;

/** What a block adds to its tokens: `value`, laid out as they are, or value·gate behind an adaptive norm. */
export interface Addition {
  value: Value;
  gate?: Value;
}

/** What `change` makes of tokens, which it is given in the layout that `factor` broadcasts to. */
function besideFactor(
  { batch, count, like }: Tokens,
  x: Value,
  factor: Value,
  change: (x: Value) => Value,
): Value {
  if (factor.shape.length === 1) return change(x);
  const apart = reshape(x, [batch, count, x.shape.at(-1)!], like);
  return reshape(change(apart), x.shape);
}

/** Gemma's scale of an RMS norm, which is stored as an offset from 1. */
const scaleOf = (weights: Weights, name: string, width: number) =>
  add(cast(weights(`${name}.weight`, [width]), 'float32'), 1);

/** Tokens with what the block before adds to them, if any, and the RMS norm of the sum. */
export function normOfSum(
  weights: Weights,
  name: string,
  tokens: Tokens,
  addition: Addition | undefined,
  modulations?: Modulations,
): NormedSum {
  const { x } = tokens;
  const normed = (scale?: Value): NormedSum => {
    if (!addition) return { sum: x, normed: rmsNorm(x, scale, EPSILON) };
    const { value, gate } = addition;
    const y = gate ? besideFactor(tokens, value, gate, (own) => multiply(own, gate)) : value;
    return kernelsOf(weights).rmsNormOfSum(x, y, scale, EPSILON);
  };
  const modulation = modulations?.get(name);
  if (!modulation) return normed(scaleOf(weights, name, x.shape.at(-1) as number));
  const { scale, shift } = modulation;
  const factor = add(scale, 1);
  if (factor.shape.length === 1) {
    const result = normed(factor);
    return { ...result, normed: add(result.normed, shift) };
  }
  const unit = normed();
  const modulate = (own: Value) => add(multiply(own, factor), shift);
  return { ...unit, normed: besideFactor(tokens, unit.normed, factor, modulate) };
}
