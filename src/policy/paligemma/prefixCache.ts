import { addDims, type Dim, multiplyDims } from '../../onnx/dim.ts';
import { Graph } from '../../onnx/graph.ts';
import type { InferenceSession, SessionConfig } from '../../session/session.ts';
import type { ElementType } from '../../tensors/elementType.ts';
import type { Bundle } from '../bundle/config.ts';
import { type PaliGemmaConfig, tokensPerImage } from './config.ts';
import type { Cache, WeightSource } from './network.ts';
import { openOnWeights } from './openOnWeights.ts';
import { encodePrefix } from './prefix.ts';
import { BATCH, CAMERAS, type ImageInput, TEXT, prefixInputs } from './prefixInputs.ts';

function prefixLength(config: PaliGemmaConfig): Dim {
  return addDims(multiplyDims(CAMERAS, tokensPerImage(config)), TEXT);
}

/** images, camera_mask, tokens, token_mask → keys.i, values.i [batch, kvHeads, prefix, headDim], valid. */
export function prefixGraph(
  config: PaliGemmaConfig,
  source: WeightSource,
  images: ImageInput,
  products?: ElementType,
): Graph {
  const graph = new Graph('prefix', undefined, products);
  const cache = encodePrefix(source(graph), prefixInputs(graph, config, images), config);
  cache.layers.forEach(({ keys, values }, layer) => {
    graph.output(`keys.${layer}`, keys);
    graph.output(`values.${layer}`, values);
  });
  if (cache.valid) graph.output('valid', cache.valid);
  return graph;
}

/** A prefix cache as a graph's inputs, named as prefixGraph's outputs. */
export function cacheInputs(
  graph: Graph,
  config: PaliGemmaConfig,
  prefix = prefixLength(config),
): Cache {
  const { depth, kvHeads, headDim } = config.language;
  const shape = [BATCH, kvHeads, prefix, headDim];
  const layers = Array.from({ length: depth }, (_, layer) => ({
    keys: graph.input(`keys.${layer}`, 'float32', shape),
    values: graph.input(`values.${layer}`, 'float32', shape),
  }));
  return { layers, valid: graph.input('valid', 'bool', [BATCH, prefix]) };
}

/** What a bundle's prefix is opened from. */
export type PrefixBundle = Pick<Bundle, 'folder' | 'precision'> & { architecture: PaliGemmaConfig };

/** Opens a bundle's prefix, as the session's provider computes it. */
export const openPrefixGraph = (
  bundle: PrefixBundle,
  session: SessionConfig,
): Promise<InferenceSession> =>
  openOnWeights(bundle, session, (weights, products) =>
    prefixGraph(bundle.architecture, weights, 'bytes', products),
  );
