import { Graph } from '../../../onnx/graph.ts';
import { type SessionConfig, Tensor } from '../../../session/session.ts';
import { uniformNumbers } from '../../../tensors/noise.ts';
import type { Bundle } from '../../bundle/config.ts';
import type { Feeds } from '../../family.ts';
import { runOnWeights } from '../../paligemma/openOnWeights.ts';
import { loadTokenizers } from './bundleTokenizers.ts';
import type { FastConfig } from './config.ts';
import { allowedIds } from './actionTokens.ts';
import { sampled } from './graphs.ts';

/** What of a sample is compared, in order; `actions` are the logits of all tokens of a chunk. */
export const STAGES = ['embeddings', 'keys', 'values', 'actions'] as const;

/** Tokens of the golden prompt, and of the golden chunk. */
const PROMPT = 8;
const WRITTEN = 12;
/** Noise that decides which token is taken, so that rounding does not. */
const CERTAIN = 1e6;
const SEED = 20_261_129;

/** Inputs of any policy of these dimensions: random pictures, a random prompt and random codes, always the same. */
export async function goldenInputs(bundle: Bundle<FastConfig>): Promise<Feeds> {
  const { architecture: config, cameras, folder } = bundle;
  const { marks } = await loadTokenizers(folder, config);
  const side = config.vision.imageSize;
  const draw = uniformNumbers([SEED, 0]);
  const below = (most: number) => Math.floor(most * draw());
  const bytes = Uint8Array.from({ length: cameras.length * side * side * 3 }, () => below(256));
  const text = Math.min(PROMPT, config.maxTokens);
  const ids = Array.from({ length: text }, () => BigInt(below(config.language.vocabulary)));
  const steps = Math.min(WRITTEN, config.maxActionTokens - marks.lead.length);
  const allowed = allowedIds(config, marks).length;
  const noise = new Float32Array(steps * allowed);
  for (let step = 0; step < steps; step++)
    noise[step * allowed + below(config.fast.vocabulary)] = CERTAIN;
  return {
    images: new Tensor('uint8', bytes, [1, cameras.length, side, side, 3]),
    tokens: new Tensor('int64', BigInt64Array.from(ids), [1, text]),
    noise: new Tensor('float32', noise, [steps, allowed]),
  };
}

/** Computes the stages, and says on which providers. */
export async function runStages(
  bundle: Bundle<FastConfig>,
  session: SessionConfig,
  inputs: Feeds,
): Promise<{ outputs: Feeds; providers: string[] }> {
  const { marks } = await loadTokenizers(bundle.folder, bundle.architecture);
  return runOnWeights(bundle, session, inputs, (weights, products) => {
    const graph = new Graph('stages', undefined, products);
    const { prompt, logits } = sampled(graph, weights, bundle.architecture, 'bytes', marks);
    const { keys, values } = prompt.layers.at(-1)!;
    graph.output('embeddings', prompt.embeddings);
    graph.output('keys', keys);
    graph.output('values', values);
    graph.output('actions', logits);
    return graph;
  });
}
