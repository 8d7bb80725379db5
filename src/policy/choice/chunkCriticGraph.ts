import { Graph, type Value } from '../../onnx/graph.ts';
import { concat, reshape, sigmoid } from '../../onnx/operators.ts';
import type { Parameter } from '../trainable.ts';
import { PARTS } from './executedSummary.ts';
import { type Networks, bounded, lastLayer, layerParameters } from './layers.ts';

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
  /** How far an edit goes at most in each dimension, in units of normalised actions; absent where chunks are not edited. */
  edits?: number;
  /** Whether a network tells chunks of successes from those of failures. */
  discriminates?: boolean;
}

/** Chunks that are judged. */
export const MOMENTS = 'batch';

/** The networks: q judges a chunk in a state, v a state, edit changes a chunk, f says whether it is of a success. */
const NETWORKS = {
  q: ({ count, features, rows }: ChunkCriticShape) => ({ count, from: features + rows, to: 1 }),
  v: ({ features }: ChunkCriticShape) => ({ count: 1, from: features, to: 1 }),
  edit: ({ features, rows }: ChunkCriticShape) => ({
    ...{ count: 1, from: features + rows, to: rows / PARTS },
  }),
  f: ({ features, rows }: ChunkCriticShape) => ({ count: 1, from: features + rows, to: 1 }),
};

type Network = keyof typeof NETWORKS;

function sizesOf(network: Network, shape: ChunkCriticShape): Networks {
  const { count, from, to } = NETWORKS[network](shape);
  return { name: network, count, widths: [from, ...shape.hidden, to] };
}

/** The networks that there are. */
const networksOf = ({ edits, discriminates }: ChunkCriticShape): Network[] => [
  ...(['q', 'v'] as const),
  ...(edits === undefined ? [] : (['edit'] as const)),
  ...(discriminates ? (['f'] as const) : []),
];

/** All parameters, by network; see layerParameters. */
export const chunkCriticParameters = (shape: ChunkCriticShape): Parameter[] =>
  networksOf(shape).flatMap((network) => {
    const { name, count, widths } = sizesOf(network, shape);
    return layerParameters(name, count, widths);
  });

/** Estimates [count, batch] within 0…1 of inputs [batch, in]; of weights that stay, where those of `weightOf` do. */
export const estimates = (
  graph: Graph,
  shape: ChunkCriticShape,
  network: 'q' | 'v' | 'f',
  inputs: Value,
  weightOf?: (value: Value) => Value,
): Value =>
  reshape(sigmoid(lastLayer(graph, sizesOf(network, shape), inputs, weightOf)), [
    sizesOf(network, shape).count,
    MOMENTS,
  ]);

/** What is added to all rows of chunks, [batch, actionDim], within ±`edits` of the shape. */
export function editsOf(graph: Graph, shape: ChunkCriticShape, inputs: Value): Value {
  const last = lastLayer(graph, sizesOf('edit', shape), inputs);
  return bounded(reshape(last, [MOMENTS, shape.rows / PARTS]), shape.edits!);
}

export const criticInputs = (graph: Graph, { features, rows }: ChunkCriticShape) => ({
  features: graph.input('features', 'float32', [MOMENTS, features]),
  rows: graph.input('rows', 'float32', [MOMENTS, rows]),
});

/**
 * Graph from features [batch, features], rows [batch, rows] and the parameters to q [count, batch] and v [1, batch], and
 * where chunks are edited to edits [batch, actionDim], and where they are told apart to f [1, batch].
 */
export function chunkCriticGraph(shape: ChunkCriticShape): Graph {
  const graph = new Graph('chunk critics');
  const { features, rows } = criticInputs(graph, shape);
  const both = concat([features, rows], 1);
  graph.output('q', estimates(graph, shape, 'q', both));
  graph.output('v', estimates(graph, shape, 'v', features));
  if (shape.edits !== undefined) graph.output('edits', editsOf(graph, shape, both));
  if (shape.discriminates) graph.output('f', estimates(graph, shape, 'f', both));
  return graph;
}
