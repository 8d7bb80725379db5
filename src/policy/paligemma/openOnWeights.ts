import { join } from 'node:path';
import type { Graph } from '../../onnx/graph.ts';
import { encodeModel } from '../../onnx/modelFile.ts';
import { providerName } from '../../session/providers.ts';
import { saturatesIntegers } from '../../session/integerProbe.ts';
import {
  type InferenceSession,
  type SessionConfig,
  executionProvidersOf,
  openModel,
} from '../../session/session.ts';
import type { ElementType } from '../../tensors/elementType.ts';
import { readShardedHeader } from '../../tensors/shards.ts';
import { WEIGHTS_FILE } from '../bundle/bundleFiles.ts';
import type { Bundle } from '../bundle/config.ts';
import { productsFor, widens } from '../bundle/precision.ts';
import type { Feeds } from '../family.ts';
import type { WeightSource } from './network.ts';
import { holdsBlocks, holdsIntegers } from './packedWeights.ts';
import { externalWeights } from './weights.ts';

/** A graph that points into a bundle's weights, and the header of their file. */
export async function modelOnWeights(folder: string, build: (weights: WeightSource) => Graph) {
  const path = join(folder, WEIGHTS_FILE);
  const header = await readShardedHeader(path);
  const unsigned = holdsIntegers(header) && (await saturatesIntegers());
  return { model: encodeModel(build(externalWeights(header, path, path, { unsigned }))), header };
}

/** Whether layers are fused. On a GPU each operator is a launch; on the CPU fewer are no faster. */
export const isFused = ({ kernels, executionProviders: [first] }: SessionConfig): boolean =>
  kernels ? kernels === 'fused' : providerName(first) !== 'cpu';

/**
 * Opens a graph on a bundle's weights, its products in the type that the session's provider has for them. `again` says
 * that a call uses its weights several times.
 */
export async function openOnWeights(
  { folder, precision }: Pick<Bundle, 'folder' | 'precision'>,
  session: SessionConfig,
  build: (weights: WeightSource, products: ElementType | undefined) => Graph,
  { again = false } = {},
): Promise<InferenceSession> {
  const products = productsFor(precision, session);
  const { model, header } = await modelOnWeights(folder, (weights) => build(weights, products));
  // Few bits are arranged for the processor once where that pays, and leave room for the rest in float32.
  const arranged = holdsIntegers(header) || (again && holdsBlocks(header));
  const lean = widens(precision, session) && !arranged;
  return openModel(model, session, folder, { lean });
}

/** Runs a graph on a bundle's weights once, and says on which providers. */
export async function runOnWeights(
  bundle: Pick<Bundle, 'folder' | 'precision'>,
  session: SessionConfig,
  inputs: Feeds,
  build: Parameters<typeof openOnWeights>[2],
): Promise<{ outputs: Feeds; providers: string[] }> {
  const opened = await openOnWeights(bundle, session, build);
  try {
    return { outputs: await opened.run(inputs), providers: executionProvidersOf(opened) };
  } finally {
    await opened.release();
  }
}
