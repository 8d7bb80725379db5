import { Graph, type Value } from '../../onnx/graph.ts';
import { add, concat, layerNorm, reshape, sigmoid, silu } from '../../onnx/operators.ts';
import { matmul } from '../../onnx/products.ts';
import type { Parameter } from '../trainable.ts';
import { layerParameters } from './layers.ts';

/** Sizes of the networks that judge chunks. */
export interface ChunkCriticShape {
  /** Networks of the ensemble. */
  count: number;
  /** Units of each hidden layer. */
  hidden: readonly number[];
  /** Of an observation; see featuresOf. */
  features: number;
  /** Of a chunk; see executedSummary. */
  rows: number;
}

/** Chunks that are judged. */
export const MOMENTS = 'batch';
const EPSILON = 1e-5;

/** The networks: q judges a chunk in a state, v a state. */
const widthsOf = ({ count, hidden, features, rows }: ChunkCriticShape) => ({
  q: { count, widths: [features + rows, ...hidden, 1] },
  v: { count: 1, widths: [features, ...hidden, 1] },
});

type Network = keyof ReturnType<typeof widthsOf>;

/** All parameters, by network; see layerParameters. */
export const chunkCriticParameters = (shape: ChunkCriticShape): Parameter[] =>
  Object.entries(widthsOf(shape)).flatMap(([network, { count, widths }]) =>
    layerParameters(network, count, widths),
  );

/** Estimates [count, batch] within 0…1 of inputs [batch, in]; each hidden layer is normalised (Ba et al. 2016). */
export function estimates(
  graph: Graph,
  shape: ChunkCriticShape,
  network: Network,
  inputs: Value,
): Value {
  const { count, widths } = widthsOf(shape)[network];
  const input = (name: string, dims: number[]) =>
    graph.inputs.find((known) => known.name === name) ?? graph.input(name, 'float32', dims);
  let x = reshape(inputs, [1, MOMENTS, widths[0]]);
  widths.slice(1).forEach((out, i) => {
    const weight = input(`${network}.${i}.weight`, [count, widths[i], out]);
    const y = add(matmul(x, weight), input(`${network}.${i}.bias`, [count, 1, out]));
    const constant = (value: number) =>
      graph.constant('float32', new Array<number>(out).fill(value), [out]);
    x = i + 2 < widths.length ? silu(layerNorm(y, constant(1), constant(0), EPSILON)) : sigmoid(y);
  });
  return reshape(x, [count, MOMENTS]);
}

export const criticInputs = (graph: Graph, { features, rows }: ChunkCriticShape) => ({
  features: graph.input('features', 'float32', [MOMENTS, features]),
  rows: graph.input('rows', 'float32', [MOMENTS, rows]),
});

/** Graph from features [batch, features], rows [batch, rows] and the parameters to q [count, batch] and v [1, batch]. */
export function chunkCriticGraph(shape: ChunkCriticShape): Graph {
  const graph = new Graph('chunk critics');
  const { features, rows } = criticInputs(graph, shape);
  graph.output('q', estimates(graph, shape, 'q', concat([features, rows], 1)));
  graph.output('v', estimates(graph, shape, 'v', features));
  return graph;
}
