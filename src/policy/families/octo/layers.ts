import type { Shape } from '../../../onnx/dim.ts';
import type { Value } from '../../../onnx/graph.ts';
import { add, cast, layerNorm } from '../../../onnx/operators.ts';
import { product } from '../../../onnx/products.ts';
import type { Weights } from '../../paligemma/network.ts';

const EPSILON = 1e-6;

/** A weight in float32, however it is stored. */
export const stored = (weights: Weights, name: string, shape: Shape): Value =>
  cast(weights(name, shape), 'float32');

/** Flax's Dense: `x·kernel` [in, out], without a bias. */
export const projected = (weights: Weights, name: string, x: Value, width: number): Value =>
  product(x, weights(`${name}/kernel`, [x.shape.at(-1)!, width]));

/** Flax's Dense over the last axis, with a bias. */
export const dense = (weights: Weights, name: string, x: Value, width: number): Value =>
  add(projected(weights, name, x, width), stored(weights, `${name}/bias`, [width]));

/** Flax's LayerNorm over the last axis. */
export function normed(weights: Weights, name: string, x: Value): Value {
  const shape = [x.shape.at(-1)!];
  const [scale, bias] = ['scale', 'bias'].map((part) => stored(weights, `${name}/${part}`, shape));
  return layerNorm(x, scale, bias, EPSILON);
}
