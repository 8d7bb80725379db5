import type { ElementType } from '../../../tensors/elementType.ts';
import { elementCount } from '../../../onnx/dim.ts';
import { Graph } from '../../../onnx/graph.ts';
import { type SessionConfig, Tensor } from '../../../session/session.ts';
import { gaussianNoise, uniformNumbers } from '../../../tensors/noise.ts';
import type { Bundle } from '../../bundle/config.ts';
import type { Feeds } from '../../family.ts';
import { type Pi0Config, hasStateToken } from './config.ts';
import { denoise, projectTimes } from './expert.ts';
import { integrate, integrationInput, observedCache } from './graphs.ts';
import { prefixInputs } from '../../paligemma/prefixInputs.ts';
import { integrationTensor } from '../../integrationTensor.ts';
import { goldenIntegration } from './goldenIntegration.ts';
import { fusedLayers } from '../../paligemma/kernels.ts';
import type { WeightSource } from '../../paligemma/network.ts';
import { encodePrefix } from '../../paligemma/prefix.ts';
import { isFused, runOnWeights } from '../../paligemma/openOnWeights.ts';

/** What of a sample is compared, in the order in which it comes about. */
export const STAGES = ['embeddings', 'keys', 'values', 'velocity', 'actions'] as const;

/** Tokens of the golden prompt. */
const PROMPT = 8;
const SEED = 20_261_126;

/**
 * The sampler with what lies on its way as outputs: embeddings of images and prompt, keys and values of
 * the prefix's last layer, the velocity at the noise (t = 1), the chunk.
 */
function stagesGraph(config: Pi0Config, source: WeightSource, products?: ElementType) {
  const graph = new Graph('stages', undefined, products);
  const weights = source(graph);
  const inputs = prefixInputs(graph, config, 'bytes', false);
  const prefix = encodePrefix(weights, inputs, config);
  const cache = observedCache(graph, weights, prefix, config);
  const noise = graph.input('noise', 'float32', ['batch', config.horizon, config.actionDim]);
  const integration = integrationInput(graph);
  const atStart = projectTimes(weights, graph.constant('float32', [1]), config);
  const { keys, values } = prefix.layers.at(-1)!;
  graph.output('embeddings', prefix.embeddings);
  graph.output('keys', keys);
  graph.output('values', values);
  graph.output('velocity', denoise(weights, noise, atStart, cache, config));
  graph.output('actions', integrate(weights, noise, integration, cache, config).actions);
  return graph;
}

/** Inputs of any policy of these dimensions: random pictures, tokens, state and noise, always the same. */
export function goldenInputs({ architecture, cameras, integration }: Bundle<Pi0Config>): Feeds {
  const { vision, language, horizon, actionDim, stateDim, maxTokens } = architecture;
  const side = vision.imageSize;
  const draw = uniformNumbers([SEED, 0]);
  const bytes = Uint8Array.from({ length: cameras.length * side * side * 3 }, () => 256 * draw());
  const text = Math.min(PROMPT, maxTokens);
  const ids = Array.from({ length: text }, () => BigInt(Math.floor(draw() * language.vocabulary)));
  const normal = (stream: number, dims: number[]) =>
    new Tensor('float32', gaussianNoise([SEED, stream], elementCount(dims) as number), dims);
  return {
    images: new Tensor('uint8', bytes, [1, cameras.length, side, side, 3]),
    tokens: new Tensor('int64', BigInt64Array.from(ids), [1, text]),
    ...(hasStateToken(architecture) && { state: normal(1, [1, stateDim]) }),
    noise: normal(2, [1, horizon, actionDim]),
    integration: integrationTensor(integration!),
  };
}

/** Computes the stages, and says on which providers. */
export async function runStages(bundle: Bundle<Pi0Config>, session: SessionConfig, feeds: Feeds) {
  return runOnWeights(bundle, session, goldenIntegration(feeds).feeds, (weights, products) =>
    stagesGraph(
      bundle.architecture,
      isFused(session) ? fusedLayers(weights, bundle.architecture) : weights,
      products,
    ),
  );
}
