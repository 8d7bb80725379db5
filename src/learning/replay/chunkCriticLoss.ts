import { Graph, type Value } from '../../onnx/graph.ts';
import {
  add,
  concat,
  detach,
  divide,
  expandLike,
  less,
  multiply,
  power,
  reduceSum,
  slice,
  subtract,
  where,
} from '../../onnx/operators.ts';
import { PARTS } from '../../policy/choice/executedSummary.ts';
import {
  type ChunkCriticShape,
  MOMENTS,
  chunkCriticParameters,
  criticInputs,
  editsOf,
  estimates,
} from '../../policy/choice/chunkCriticGraph.ts';
import { withGradients } from '../train/withGradients.ts';

/** The sum over networks of the mean over a batch; x is [count, batch]. */
export function perMoment(x: Value): Value {
  const ones = expandLike(x.graph.constant('float32', [1], []), slice(x, 0, 0, 1));
  return divide(reduceSum(x, [0, 1], false), reduceSum(ones, [0, 1], false));
}

/**
 * The mean over networks of Q of the edited chunks, which only the edits' network can raise: critics stay as they are.
 * Input `widths` [rows]: deviations by which rows are standardised.
 */
function editedQ(graph: Graph, shape: ChunkCriticShape, features: Value, rows: Value): Value {
  const edits = editsOf(graph, shape, concat([features, rows], 1));
  const widths = graph.input('widths', 'float32', [shape.rows]);
  const everyPart = concat(Array.from({ length: PARTS }, () => edits), 1); // prettier-ignore
  const edited = add(rows, divide(everyPart, widths));
  const q = estimates(graph, shape, 'q', concat([features, edited], 1), detach);
  return divide(perMoment(q), shape.count);
}

/** The mean squared error (Brier's score) of f against input `outcomes` [batch], 1 for chunks of successes. */
function toldApart(graph: Graph, shape: ChunkCriticShape, features: Value, rows: Value): Value {
  const f = estimates(graph, shape, 'f', concat([features, rows], 1));
  return perMoment(power(subtract(f, graph.input('outcomes', 'float32', [MOMENTS])), 2));
}

/**
 * The chunk critics with targets returns [batch] of q and qualities [batch] of v; outputs loss and gradient.NAME. q: squared
 * error. v: the expectile `expectile` of the qualities (IQL, arXiv 2110.06169, eq. 5): above 0.5 it leans to the better
 * chunks of those that were executed. Where chunks are edited, the edits' network learns to raise q (EXPO, arXiv
 * 2507.07986), see editedQ.
 */
export function chunkCriticLossGraph(shape: ChunkCriticShape, expectile: number): Graph {
  const graph = new Graph('chunk critics loss');
  const { features, rows } = criticInputs(graph, shape);
  const [returns, qualities] = ['returns', 'qualities'].map((name) =>
    graph.input(name, 'float32', [MOMENTS]),
  );
  const q = estimates(graph, shape, 'q', concat([features, rows], 1));
  const v = estimates(graph, shape, 'v', features);
  const above = subtract(qualities, v);
  const sides = [expectile, 1 - expectile].map((weight) => multiply(power(above, 2), weight));
  const judged = where(less(above, 0), sides[1], sides[0]);
  const values = add(perMoment(power(subtract(q, returns), 2)), perMoment(judged));
  const critics = shape.discriminates ? add(values, toldApart(graph, shape, features, rows)) : values; // prettier-ignore
  const loss = shape.edits === undefined ? critics : subtract(critics, editedQ(graph, shape, features, rows)); // prettier-ignore
  graph.output('loss', loss);
  return withGradients(
    graph,
    chunkCriticParameters(shape).map(({ name }) => name),
  );
}
