import { Graph } from '../../../onnx/graph.ts';
import { type SessionConfig, Tensor } from '../../../session/session.ts';
import { uniformNumbers } from '../../../tensors/noise.ts';
import type { Bundle } from '../../bundle/config.ts';
import type { Feeds } from '../../family.ts';
import { runOnWeights } from '../../paligemma/openOnWeights.ts';
import type { OpenVlaConfig } from './config.ts';
import { sampled } from './graphs.ts';
import { tokensInput } from './sampler.ts';

/** What of an action is compared, in order; `actions` are the logits of all its tokens. */
export const STAGES = ['features', 'image', 'keys', 'values', 'actions'] as const;

/** Tokens of the golden prompt. */
const PROMPT = 8;
/** Noise that decides which token is taken, so that rounding does not. */
const CERTAIN = 1e6;
const SEED = 20_261_129;

/** Inputs of any policy of these dimensions: a random picture, prompt and action, always the same. */
export function goldenInputs({ architecture: config }: Bundle<OpenVlaConfig>): Feeds {
  const { imageSize: side, language, textVocabulary, actionDim, bins } = config;
  const { vocabulary } = language;
  const draw = uniformNumbers([SEED, 0]);
  const below = (most: number) => Math.floor(most * draw());
  const bytes = Uint8Array.from({ length: side * side * 3 }, () => below(256));
  const text = Math.min(PROMPT, config.maxTokens);
  const ids = Array.from({ length: text }, () => below(textVocabulary));
  const noise = new Float32Array(actionDim * vocabulary);
  for (let step = 0; step < actionDim; step++)
    noise[step * vocabulary + textVocabulary - bins + below(bins)] = CERTAIN;
  return {
    images: new Tensor('uint8', bytes, [1, 1, side, side, 3]),
    tokens: tokensInput(ids),
    noise: new Tensor('float32', noise, [actionDim, vocabulary]),
  };
}

/** Computes the stages, and says on which providers. */
export async function runStages(
  bundle: Bundle<OpenVlaConfig>,
  session: SessionConfig,
  inputs: Feeds,
): Promise<{ outputs: Feeds; providers: string[] }> {
  return runOnWeights(bundle, session, inputs, (weights, products) => {
    const graph = new Graph('stages', undefined, products);
    const { features, image, logits, layers } = sampled(graph, weights, bundle.architecture);
    const { keys, values } = layers.at(-1)!;
    graph.output('features', features);
    graph.output('image', image);
    graph.output('keys', keys);
    graph.output('values', values);
    graph.output('actions', logits);
    return graph;
  });
}
