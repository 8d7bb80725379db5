import { Graph } from '../../onnx/graph.ts';
import type { FlowOptions, Learnable } from '../../policy/learnable.ts';
import type { SampledJoin } from '../../policy/joinKinds.ts';
import { BATCH } from '../imitation/lossGraph.ts';

export interface ChunkGraphOptions extends Pick<FlowOptions, 'trainable' | 'cameras' | 'text'> {
  policy: Learnable;
}

/**
 * Samples chunks with weights that are inputs: a cache (see cacheInputs), π0's state, noise [batch, horizon,
 * actionDim] and integration (see integrationTable) → actions [batch, horizon, actionDim]. Joined chunks also
 * take previousInputs.
 */
export function chunkGraph({ policy, ...options }: ChunkGraphOptions, joins?: SampledJoin): Graph {
  const graph = new Graph('chunks');
  const flow = policy.flow(graph, { ...options, observation: 'cache', masked: true, samples: 1 });
  const noise = graph.input('noise', 'float32', [BATCH, policy.horizon, policy.actionDim]);
  graph.output('actions', flow.integrate(noise, joins));
  return graph;
}
