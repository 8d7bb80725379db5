import { outputGradients } from '../../onnx/gradient.ts';
import { Graph, type Value } from '../../onnx/graph.ts';
import {
  add,
  concat,
  divide,
  expandLike,
  layerNorm,
  less,
  multiply,
  power,
  reduceSum,
  reshape,
  sigmoid,
  silu,
  slice,
  subtract,
  where,
} from '../../onnx/operators.ts';
import { matmul } from '../../onnx/products.ts';
import type { Parameter } from '../../policy/trainable.ts';
import { layerParameters } from '../policyGradient/criticGraph.ts';

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

const BATCH = 'batch';
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
function estimates(graph: Graph, shape: ChunkCriticShape, network: Network, inputs: Value): Value {
  const { count, widths } = widthsOf(shape)[network];
  const input = (name: string, dims: number[]) =>
    graph.inputs.find((known) => known.name === name) ?? graph.input(name, 'float32', dims);
  let x = reshape(inputs, [1, BATCH, widths[0]]);
  widths.slice(1).forEach((out, i) => {
    const weight = input(`${network}.${i}.weight`, [count, widths[i], out]);
    const y = add(matmul(x, weight), input(`${network}.${i}.bias`, [count, 1, out]));
    const constant = (value: number) =>
      graph.constant('float32', new Array<number>(out).fill(value), [out]);
    x = i + 2 < widths.length ? silu(layerNorm(y, constant(1), constant(0), EPSILON)) : sigmoid(y);
  });
  return reshape(x, [count, BATCH]);
}

/** The sum over networks of the mean over a batch; x is [count, batch]. */
function perMoment(x: Value): Value {
  const ones = expandLike(x.graph.constant('float32', [1], []), slice(x, 0, 0, 1));
  return divide(reduceSum(x, [0, 1], false), reduceSum(ones, [0, 1], false));
}

const inputsOf = (graph: Graph, { features, rows }: ChunkCriticShape) => ({
  features: graph.input('features', 'float32', [BATCH, features]),
  rows: graph.input('rows', 'float32', [BATCH, rows]),
});

/** Graph from features [batch, features], rows [batch, rows] and the parameters to q [count, batch] and v [1, batch]. */
export function chunkCriticGraph(shape: ChunkCriticShape): Graph {
  const graph = new Graph('chunk critics');
  const { features, rows } = inputsOf(graph, shape);
  graph.output('q', estimates(graph, shape, 'q', concat([features, rows], 1)));
  graph.output('v', estimates(graph, shape, 'v', features));
  return graph;
}

/**
 * The same with targets returns [batch] of q and qualities [batch] of v; outputs loss and gradient.NAME. q: squared
 * error. v: the expectile `expectile` of the qualities (IQL, arXiv 2110.06169, eq. 5): above 0.5 it leans to the better
 * chunks of those that were executed.
 */
export function chunkCriticLossGraph(shape: ChunkCriticShape, expectile: number): Graph {
  const graph = new Graph('chunk critics loss');
  const { features, rows } = inputsOf(graph, shape);
  const [returns, qualities] = ['returns', 'qualities'].map((name) =>
    graph.input(name, 'float32', [BATCH]),
  );
  const q = estimates(graph, shape, 'q', concat([features, rows], 1));
  const v = estimates(graph, shape, 'v', features);
  const above = subtract(qualities, v);
  const sides = [expectile, 1 - expectile].map((weight) => multiply(power(above, 2), weight));
  const judged = where(less(above, 0), sides[1], sides[0]);
  const loss = add(perMoment(power(subtract(q, returns), 2)), perMoment(judged));
  graph.output('loss', loss);
  const learned = new Map(graph.inputs.map((input) => [input.name, input]));
  outputGradients(
    loss,
    chunkCriticParameters(shape).map(({ name }) => learned.get(name)!),
  );
  return graph;
}
