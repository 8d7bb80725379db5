import { outputGradients } from '../../onnx/gradient.ts';
import type { Graph } from '../../onnx/graph.ts';

/** A graph with further outputs gradient.NAME: the gradient of its output `loss` for each input of these names. */
export function withGradients(graph: Graph, names: readonly string[]): Graph {
  const inputs = new Map(graph.inputs.map((input) => [input.name, input]));
  const loss = graph.outputs.find(({ name }) => name === 'loss')!;
  outputGradients(
    loss.value,
    names.map((name) => inputs.get(name)!),
  );
  return graph;
}
