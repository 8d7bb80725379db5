import type { Value } from '../../../onnx/graph.ts';
import {
  add,
  cast,
  divide,
  multiply,
  power,
  reduceMean,
  reshape,
  squareRoot,
} from '../../../onnx/operators.ts';
import type { Tokens, Weights } from './network.ts';

const RMS_EPSILON = 1e-6;

function unitRms(x: Value): Value {
  const meanSquare = reduceMean(power(x, 2), [-1]);
  return divide(x, squareRoot(add(meanSquare, RMS_EPSILON)));
}

/** Gemma's RMS norm, whose stored scale is an offset from 1. */
function rmsNorm(weights: Weights, name: string, x: Value): Value {
  const weight = cast(weights(`${name}.weight`, [x.shape.at(-1) ?? 1]), 'float32');
  return multiply(unitRms(x), add(weight, 1));
}

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

/** What `change` makes of flat tokens, which it is given in the layout that `factor` broadcasts to. */
function besideFactor(
  { x, batch, count, like }: Tokens,
  factor: Value,
  change: (...values: Value[]) => Value,
  ...others: Value[]
): Value {
  if (factor.shape.length === 1) return change(x, ...others);
  const apart = [x, ...others].map((flat) => reshape(flat, [batch, count, flat.shape[1]], like));
  return reshape(change(...apart), x.shape);
}

/** RMS norm of tokens; an adaptive one is norm(x)·(1 + scale) + shift. */
export function normTokens(
  weights: Weights,
  name: string,
  tokens: Tokens,
  modulations?: Modulations,
): Value {
  const modulation = modulations?.get(name);
  if (!modulation) return rmsNorm(weights, name, tokens.x);
  const { scale, shift } = modulation;
  return besideFactor(tokens, scale, (x) => add(multiply(unitRms(x), add(scale, 1)), shift));
}

/** x + y, or x + y·gate behind an adaptive norm; `y` is laid out as x. */
export function addBlock(tokens: Tokens, y: Value, modulation: Modulation | undefined): Value {
  if (!modulation) return add(tokens.x, y);
  const { gate } = modulation;
  return besideFactor(tokens, gate, (x, own) => add(x, multiply(own, gate)), y);
}
