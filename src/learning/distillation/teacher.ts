import { encodeModel } from '../../onnx/modelFile.ts';
import { type SessionConfig, Tensor, openModel } from '../../session/session.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import { integrationTensor } from '../../policy/integrationTensor.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import { chunkGraph } from '../train/chunkGraph.ts';
import { frozenWeights } from '../train/startingWeights.ts';

const EXPERT = { parameters: 'expert' } as const;

/**
 * Opens the policy that is distilled: a batch (the prefix cache, state, noise and, where rows are kept, actions and
 * kept) → its chunks [batch, horizon, actionDim] from that noise, integrated as the bundle says.
 */
export async function openTeacher(bundle: Bundle, text: number, session: SessionConfig) {
  const policy = learnableOf(bundle);
  const { integration, maxDelay } = bundle;
  const join = maxDelay === undefined ? undefined : 'trained';
  const graph = chunkGraph(
    { policy, trainable: EXPERT, cameras: bundle.cameras.length, text },
    join,
  );
  const weights = await frozenWeights(bundle, graph, []);
  const model = await openModel(encodeModel(graph), session);
  const table = integrationTensor(integration!);
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  return {
    async chunks(batch: Record<string, Tensor>): Promise<Tensor> {
      const given = Object.entries(batch).filter(([name]) => inputs.has(name));
      const { kept, actions: previous } = batch;
      const joined = join && {
        previous,
        prefix_weights: new Tensor('float32', kept.data as Float32Array, [...kept.dims, 1]),
      };
      const { actions } = await model.run({
        ...weights,
        ...Object.fromEntries(given),
        ...joined,
        integration: table,
      });
      return actions;
    },
    close: () => model.release(),
  };
}
