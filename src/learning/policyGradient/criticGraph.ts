import { Graph, type Value } from '../../onnx/graph.ts';
import { outputGradients } from '../../onnx/gradient.ts';
import {
  add,
  divide,
  expandLike,
  power,
  reduceSum,
  reshape,
  sigmoid,
  silu,
  subtract,
} from '../../onnx/operators.ts';
import { matmul } from '../../onnx/products.ts';
import { gaussianNoise } from '../../tensors/noise.ts';
import { layerParameters } from '../../policy/choice/layers.ts';
import type { Parameter } from '../../policy/trainable.ts';
import type { CriticsConfig } from './config.ts';
import { flatten } from '../train/parameters.ts';

/** Layer sizes of the ensemble. */
export type CriticShape = Pick<CriticsConfig, 'count' | 'hidden'> & {
  /** See featuresOf. */
  features: number;
};

const BATCH = 'batch';

/** The ensemble's parameters; see layerParameters. */
export const criticParameters = ({ count, hidden, features }: CriticShape): Parameter[] =>
  layerParameters('layer', count, [features, ...hidden, 1]);

/**
 * Initial weights have deviation 1/√in, a tenth of that in the last layer, and biases are zero: all estimates
 * start near 0.5.
 */
export function initialCritics(shape: CriticShape, seed: readonly number[]): Float32Array {
  const parameters = criticParameters(shape);
  return flatten(parameters, ({ shape: [count, rows, columns] }, i) => {
    if (i % 2 === 1) return new Float32Array(count * columns);
    const scale = (i === parameters.length - 2 ? 0.1 : 1) / Math.sqrt(rows);
    return gaussianNoise([...seed, i], count * rows * columns).map((value) => value * scale);
  });
}

/** Estimates of all networks, [count, batch], within 0…1 like the discounted reward. */
function estimates(graph: Graph, shape: CriticShape): { values: Value; parameters: Value[] } {
  const features = graph.input('features', 'float32', [BATCH, shape.features]);
  const parameters = criticParameters(shape).map(({ name, shape: dims }) =>
    graph.input(name, 'float32', dims),
  );
  let x = reshape(features, [1, BATCH, shape.features]);
  for (let i = 0; i < parameters.length; i += 2) {
    const y = add(matmul(x, parameters[i]), parameters[i + 1]);
    x = i + 2 < parameters.length ? silu(y) : sigmoid(y);
  }
  return { values: reshape(x, [shape.count, BATCH]), parameters };
}

/** Graph from features [batch, features] and the parameters to values [count, batch]. */
export function criticValuesGraph(shape: CriticShape): Graph {
  const graph = new Graph('critics');
  graph.output('values', estimates(graph, shape).values);
  return graph;
}

/**
 * The value graph with targets [batch] as a further input; outputs loss, the mean squared error, and
 * gradient.NAME for each parameter.
 */
export function criticLossGraph(shape: CriticShape): Graph {
  const graph = new Graph('critic loss');
  const { values, parameters } = estimates(graph, shape);
  const targets = graph.input('targets', 'float32', [BATCH]);
  const errors = power(subtract(values, targets), 2);
  const ones = expandLike(graph.constant('float32', [1], []), errors);
  const total = (x: Value) => reduceSum(x, [0, 1], false);
  const loss = divide(total(errors), total(ones));
  graph.output('loss', loss);
  outputGradients(loss, parameters);
  return graph;
}
