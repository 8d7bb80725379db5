import type { Graph, Value } from '../../onnx/graph.ts';
import { add, layerNorm, multiply, reshape, sigmoid, silu } from '../../onnx/operators.ts';
import { matmul } from '../../onnx/products.ts';
import type { Parameter } from '../trainable.ts';

const EPSILON = 1e-5;

/** Parameters of `count` networks of these widths: NAME.i.weight [count, in, out], NAME.i.bias [count, 1, out]. */
export const layerParameters = (
  name: string,
  count: number,
  widths: readonly number[],
): Parameter[] =>
  widths.slice(1).flatMap((out, i) => [
    { name: `${name}.${i}.weight`, shape: [count, widths[i], out] },
    { name: `${name}.${i}.bias`, shape: [count, 1, out] },
  ]);

/** Networks of the same widths, in and out included; see layerParameters. */
export interface Networks {
  name: string;
  count: number;
  widths: readonly number[];
}

/**
 * The last layer [count, batch, out] of networks for inputs [batch, in]; hidden layers are normalised (Ba et al. 2016).
 * Weights are inputs of the graph; those of `weightOf` where it is given.
 */
export function lastLayer(
  graph: Graph,
  { name, count, widths }: Networks,
  inputs: Value,
  weightOf: (value: Value) => Value = (value) => value,
): Value {
  const input = (key: string, dims: number[]) =>
    weightOf(graph.inputs.find((known) => known.name === key) ?? graph.input(key, 'float32', dims));
  let x = reshape(inputs, [1, ...inputs.shape]);
  widths.slice(1).forEach((out, i) => {
    const weight = input(`${name}.${i}.weight`, [count, widths[i], out]);
    const y = add(matmul(x, weight), input(`${name}.${i}.bias`, [count, 1, out]));
    const constant = (value: number) =>
      graph.constant('float32', new Array<number>(out).fill(value), [out]);
    x = i + 2 < widths.length ? silu(layerNorm(y, constant(1), constant(0), EPSILON)) : y;
  });
  return x;
}

/** bound · tanh(x / 2): any number within ±bound. */
export const bounded = (x: Value, bound: number): Value =>
  multiply(add(sigmoid(x), -0.5), 2 * bound);
