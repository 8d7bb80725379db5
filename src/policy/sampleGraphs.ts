import { join } from 'node:path';
import { elementCount } from '../onnx/dim.ts';
import { encodeModel } from '../onnx/modelFile.ts';
import {
  type InferenceSession,
  type SessionConfig,
  Tensor,
  openModel,
  openSession,
} from '../onnx/session.ts';
import { readShardedHeader } from '../onnx/shards.ts';
import { type Adapter, adaptedVersion, readAdapter } from './adapter.ts';
import { ADAPTER_FILE, BUNDLE_FILES, type Bundle } from './bundle.ts';
import { type WeightSource, prefixGraph, sampleGraph } from './pi0/graphs.ts';
import type { GuidanceKind } from './pi0/guidance.ts';
import { productsFor, widens } from './precision.ts';
import { type Trainable, trainableParameters, trainableWeights } from './trainable.ts';
import { externalWeights, loadWeights } from './weights.ts';

type Feeds = Record<string, Tensor>;

/** A bundle's weights for graphs that are opened beside them. */
export async function bundleWeights(folder: string): Promise<WeightSource> {
  const weights = join(folder, BUNDLE_FILES.weights);
  return externalWeights(await readShardedHeader(weights), weights, weights);
}

/**
 * Opens a bundle's sampler, as the session's provider computes it. Where `trainable` is given its
 * parameters are inputs, and so is noise to explore with; where it `joins`, so is the chunk before.
 */
export async function openSampleGraph(
  { folder, pi0, precision }: Bundle,
  session: SessionConfig,
  trainable: Trainable | undefined,
  joins?: GuidanceKind,
): Promise<InferenceSession> {
  if (!trainable && !joins && precision === 'float32')
    return openSession(join(folder, BUNDLE_FILES.sample), session);
  const products = productsFor(precision, session);
  const frozen = await bundleWeights(folder);
  const weights = trainable ? trainableWeights(frozen, trainable) : frozen;
  const graph = sampleGraph(pi0, weights, 'bytes', {
    explores: trainable !== undefined,
    joins,
    products,
  });
  return openModel(encodeModel(graph), session, folder, { lean: widens(precision, session) });
}

/** What a bundle's prefix is opened from. */
export type PrefixBundle = Pick<Bundle, 'folder' | 'pi0' | 'precision'>;

/** Opens a bundle's prefix, as the session's provider computes it. */
export async function openPrefixGraph(
  { folder, pi0, precision }: PrefixBundle,
  session: SessionConfig,
): Promise<InferenceSession> {
  if (precision === 'float32') return openSession(join(folder, BUNDLE_FILES.prefix), session);
  const products = productsFor(precision, session);
  const graph = prefixGraph(pi0, await bundleWeights(folder), 'bytes', products);
  return openModel(encodeModel(graph), session, folder, { lean: widens(precision, session) });
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
