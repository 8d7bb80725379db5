import { Graph } from '../../src/onnx/graph.ts';
import type { Pi0Config } from '../../src/policy/families/pi0/config.ts';
import { denoise, projectTimes } from '../../src/policy/families/pi0/expert.ts';
import { observedCache } from '../../src/policy/families/pi0/graphs.ts';
import { cacheInputs } from '../../src/policy/paligemma/prefixCache.ts';
import type { WeightSource } from '../../src/policy/paligemma/network.ts';

/** x [batch, horizon, actionDim], time [batch], π0's state, a prefix cache → velocity [batch, horizon, actionDim]. */
export function denoiseGraph(config: Pi0Config, source: WeightSource): Graph {
  const graph = new Graph('denoise');
  const weights = source(graph);
  const x = graph.input('x', 'float32', ['batch', config.horizon, config.actionDim]);
  const time = graph.input('time', 'float32', ['batch']);
  const cache = observedCache(graph, weights, cacheInputs(graph, config), config);
  const projected = projectTimes(weights, time, config);
  graph.output('velocity', denoise(weights, x, projected, cache, config));
  return graph;
}
