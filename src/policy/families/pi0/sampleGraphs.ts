import { join } from 'node:path';
import { elementCount } from '../../../onnx/dim.ts';
import { type InferenceSession, type SessionConfig, Tensor } from '../../../session/session.ts';
import { type Adapter, adaptedVersion } from '../../bundle/adapter.ts';
import { WEIGHTS_FILE } from '../../bundle/bundleFiles.ts';
import type { Pi0Config } from './config.ts';
import { prefixGraph, sampleGraph } from './graphs.ts';
import type { Offset } from '../../offset.ts';
import type { Spread } from '../../exploration.ts';
import type { Trainable } from '../../trainable.ts';
import { trainableParameters, trainableWeights } from './trainable.ts';
import type { View } from '../../../images/viewShift.ts';
import { isFused, modelOnWeights, openOnWeights } from '../../paligemma/openOnWeights.ts';
import { loadWeights } from '../../paligemma/weights.ts';
import { type Bundle } from '../../bundle/config.ts';
import type { SampledJoin } from '../../joinKinds.ts';
import type { Feeds } from '../../family.ts';

/** The graph that samples chunks, in float32, as an ONNX model. */
export const samplingModel = async ({
  folder,
  architecture,
}: Bundle<Pi0Config>): Promise<Uint8Array> =>
  (await modelOnWeights(folder, (weights) => sampleGraph(architecture, weights, 'bytes'))).model;

/**
 * Opens a bundle's sampler, as the session's provider computes it. Where `trainable` is given its
 * parameters are inputs, and so is noise to explore with; where it `joins`, so is the chunk before. With
 * `features`, the prefix's are an output.
 */
export function openSampleGraph(
  bundle: Bundle<Pi0Config>,
  session: SessionConfig,
  trainable: Trainable | undefined,
  { joins, features }: { joins?: SampledJoin; features?: boolean } = {},
): Promise<InferenceSession> {
  const explores = trainable !== undefined;
  const fused = isFused(session);
  return openOnWeights(bundle, session, (frozen, products) => {
    const weights = trainable ? trainableWeights(frozen, trainable) : frozen;
    return sampleGraph(bundle.architecture, weights, 'bytes', {
      explores,
      joins,
      features,
      fused,
      products,
    });
  });
}

/** What a bundle's prefix is opened from. */
export type PrefixBundle = Pick<Bundle<Pi0Config>, 'folder' | 'architecture' | 'precision'>;

/** Opens a bundle's prefix, as the session's provider computes it. */
export const openPrefixGraph = (
  bundle: PrefixBundle,
  session: SessionConfig,
): Promise<InferenceSession> =>
  openOnWeights(bundle, session, (weights, products) =>
    prefixGraph(bundle.architecture, weights, 'bytes', products),
  );

/** What a chunk is sampled with, and how it is signed. */
export interface Adopted {
  version: string;
  parameters: Feeds;
  view?: View;
  offset?: Offset;
  spread?: Spread;
}

/** An adapter's parameters as inputs of the graph, copied once: ONNX Runtime takes no shared memory. */
export function adopted(adapter: Adapter): Adopted {
  const tensors = [...adapter.parameters].map(([name, { shape, data }]) => {
    return [name, new Tensor('float32', new Float32Array(data), shape)];
  });
  return {
    version: adaptedVersion(adapter.base, adapter),
    parameters: Object.fromEntries(tensors) as Feeds,
    view: adapter.view,
    offset: adapter.offset,
    spread: adapter.spread,
  };
}

/** Parameters to begin with, without an adapter: the bundle's own weights, or LoRA factors of zero. */
export async function initialParameters(
  { folder, architecture, base }: Bundle<Pi0Config>,
  trainable: Trainable,
): Promise<Adopted> {
  const parameters = trainableParameters(trainable, architecture);
  const names = parameters.map(({ name }) => name);
  const loaded =
    trainable.parameters === 'lora'
      ? undefined
      : await loadWeights(join(folder, WEIGHTS_FILE), names);
  const tensors = parameters.map(({ name, shape }) => {
    const data = loaded?.get(name) ?? new Float32Array(elementCount(shape) as number);
    return [name, new Tensor('float32', data, shape)];
  });
  return { version: base, parameters: Object.fromEntries(tensors) as Feeds };
}
