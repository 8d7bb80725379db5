import { join } from 'node:path';
import { elementCount } from '../onnx/dim.ts';
import { encodeModel } from '../onnx/modelFile.ts';
import { readShardedHeader } from '../onnx/shards.ts';
import { type InferenceSession, type SessionConfig, Tensor, openModel } from '../onnx/session.ts';
import { type Adapter, adaptedVersion, readAdapter } from './adapter.ts';
import { ADAPTER_FILE, BUNDLE_FILES, type Bundle } from './bundle.ts';
import { sampleGraph } from './pi0/graphs.ts';
import { type Trainable, trainableParameters, trainableWeights } from './trainable.ts';
import { externalWeights, loadWeights } from './weights.ts';

type Feeds = Record<string, Tensor>;

/** Opens the sampler whose trainable parameters are inputs, and which takes noise to explore with. */
export async function openAdaptive(
  { folder, pi0 }: Bundle,
  trainable: Trainable,
  session: SessionConfig,
): Promise<InferenceSession> {
  const weights = join(folder, BUNDLE_FILES.weights);
  const frozen = externalWeights(await readShardedHeader(weights), weights, weights);
  const graph = sampleGraph(pi0, trainableWeights(frozen, trainable), 'bytes', {
    explores: true,
  });
  return openModel(encodeModel(graph), session, folder);
}

/** What a chunk is sampled with, and how it is signed. */
export interface Adopted {
  version: string;
  parameters: Feeds;
}

/** An adapter's parameters as inputs of the graph, copied once: ONNX Runtime takes no shared memory. */
export function adopted(adapter: Adapter): Adopted {
  const tensors = [...adapter.parameters].map(([name, { shape, data }]) => {
    return [name, new Tensor('float32', new Float32Array(data), shape)];
  });
  return {
    version: adaptedVersion(adapter.base, adapter),
    parameters: Object.fromEntries(tensors) as Feeds,
  };
}

/** Parameters to begin with: the bundle's adapter, its own weights, or LoRA factors of zero. */
export async function initialParameters(bundle: Bundle, trainable: Trainable): Promise<Adopted> {
  const { folder, pi0, base, version } = bundle;
  if (bundle.trainable)
    return adopted(await readAdapter(join(folder, ADAPTER_FILE), { base, pi0, trainable }));
  const parameters = trainableParameters(trainable, pi0);
  const names = parameters.map(({ name }) => name);
  const loaded =
    trainable.parameters === 'lora'
      ? undefined
      : await loadWeights(join(folder, BUNDLE_FILES.weights), names);
  const tensors = parameters.map(({ name, shape }) => {
    const data = loaded?.get(name) ?? new Float32Array(elementCount(shape) as number);
    return [name, new Tensor('float32', data, shape)];
  });
  return { version, parameters: Object.fromEntries(tensors) as Feeds };
}
