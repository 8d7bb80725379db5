import { outputGradients } from '../../onnx/gradient.ts';
import { Graph, type Value } from '../../onnx/graph.ts';
import {
  add,
  concat,
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
import {
  type ChunkCriticShape,
  MOMENTS,
  chunkCriticParameters,
  criticInputs,
  estimates,
} from '../../policy/choice/chunkCriticGraph.ts';

/** The sum over networks of the mean over a batch; x is [count, batch]. */
function perMoment(x: Value): Value {
  const ones = expandLike(x.graph.constant('float32', [1], []), slice(x, 0, 0, 1));
  return divide(reduceSum(x, [0, 1], false), reduceSum(ones, [0, 1], false));
}

/**
 * The chunk critics with targets returns [batch] of q and qualities [batch] of v; outputs loss and gradient.NAME. q: squared
 * error. v: the expectile `expectile` of the qualities (IQL, arXiv 2110.06169, eq. 5): above 0.5 it leans to the better
 * chunks of those that were executed.
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
  const loss = add(perMoment(power(subtract(q, returns), 2)), perMoment(judged));
  graph.output('loss', loss);
  const learned = new Map(graph.inputs.map((input) => [input.name, input]));
  outputGradients(
    loss,
    chunkCriticParameters(shape).map(({ name }) => learned.get(name)!),
  );
  return graph;
}
