import { Graph, type Value } from '../../onnx/graph.ts';
import { add, multiply, reshape } from '../../onnx/operators.ts';
import { type Networks, bounded, lastLayer, layerParameters } from '../choice/layers.ts';
import type { Parameter } from '../trainable.ts';

/** Sizes of the network that steers noise. */
export interface SteeringShape {
  /** How far noise goes at most in each dimension. */
  bound: number;
  /** Units of each hidden layer. */
  hidden: readonly number[];
  /** Of an observation; see featuresOf. */
  features: number;
  actionDim: number;
}

const networkOf = ({ hidden, features, actionDim }: SteeringShape): Networks => ({
  ...{ name: 'steer', count: 1 },
  widths: [features, ...hidden, actionDim],
});

/** Its parameters; see layerParameters. */
export function steeringParameters(shape: SteeringShape): Parameter[] {
  const { name, count, widths } = networkOf(shape);
  return layerParameters(name, count, widths);
}

/**
 * A row of noise [batch, actionDim] for standardised features [batch, features]: bound · tanh(u + explored), with u the
 * network's output; `explored` is of the same shape.
 */
export function steeredRow(
  graph: Graph,
  shape: SteeringShape,
  features: Value,
  explored?: Value,
): Value {
  const last = lastLayer(graph, networkOf(shape), features);
  const mean = reshape(last, [features.shape[0], shape.actionDim]);
  const u = explored ? add(mean, explored) : mean;
  return bounded(multiply(u, 2), shape.bound);
}

/** Graph from features [batch, features], explored [batch, actionDim] and the parameters to rows [batch, actionDim]. */
export function steeringGraph(shape: SteeringShape): Graph {
  const graph = new Graph('steering');
  const features = graph.input('features', 'float32', ['batch', shape.features]);
  const explored = graph.input('explored', 'float32', ['batch', shape.actionDim]);
  graph.output('rows', steeredRow(graph, shape, features, explored));
  return graph;
}
