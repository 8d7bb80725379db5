import { type Dim, multiplyDims } from '../../onnx/dim.ts';
import type { Value } from '../../onnx/graph.ts';
import { cast, concat, gather, multiply, reshape } from '../../onnx/operators.ts';
import { type PaliGemmaConfig, tokensPerImage } from './config.ts';
import { decoderLayers } from './layers.ts';
import { imageTokens } from './vision.ts';
import type { Cache, Weights } from './network.ts';
import { EMBEDDINGS } from './weightNames.ts';

export const LANGUAGE = 'paligemma_with_expert.paligemma.model.language_model';

export interface PrefixInputs {
  /** [batch·cameras, patches, patch²·3], in −1…1. */
  patches: Value;
  cameras: Dim;
  /** int64 [batch, text]. */
  tokens: Value;
  /** Absent where neither a camera is missing nor the prompt padded. */
  masks?: {
    /** bool [batch, cameras]: false where a camera is missing. */
    cameras: Value;
    /** bool [batch, text]: false for padding. */
    tokens: Value;
  };
}

/** Which tokens of images and prompt count, bool [batch, tokens]. */
function validTokens({ masks, cameras }: PrefixInputs, perImage: number): Value | undefined {
  if (!masks) return undefined;
  const { graph } = masks.tokens;
  const [batch] = masks.cameras.shape;
  const perToken = graph.constant('float32', new Array<number>(perImage).fill(1));
  const seen = reshape(cast(masks.cameras, 'float32'), [batch, cameras, 1], masks.cameras);
  const ofImages = multiply(seen, perToken);
  const flat = reshape(ofImages, [batch, multiplyDims(cameras, perImage)], masks.cameras);
  return concat([cast(flat, 'bool'), masks.tokens], 1);
}

/** Embeddings of text [..] → [.., width], scaled as Gemma's are. */
export function embedText(
  weights: Weights,
  tokens: Value,
  { width, vocabulary }: PaliGemmaConfig['language'],
): Value {
  const table = weights(EMBEDDINGS, [vocabulary, width]);
  return multiply(cast(gather(table, tokens), 'float32'), Math.sqrt(width));
}

/** Embeddings of images, then prompt: [batch, tokens, width], and which of them count. */
export function embedPrefix(
  weights: Weights,
  inputs: PrefixInputs,
  config: PaliGemmaConfig,
): { embeddings: Value; valid?: Value } {
  const { patches, cameras, tokens } = inputs;
  const { width } = config.language;
  const perImage = tokensPerImage(config);
  const images = patches.graph.scope('vision', () => imageTokens(weights, patches, config));
  const joined = [tokens.shape[0], multiplyDims(cameras, perImage), width];
  const text = embedText(weights, tokens, config.language);
  return {
    embeddings: concat([reshape(images, joined, tokens), text], 1),
    valid: validTokens(inputs, perImage),
  };
}

/**
 * Gemma over images and prompt, for its keys and values alone: it depends neither on the state, the
 * noise, the time nor the expert, so a chunk needs it once, and the learner once for each observation.
 */
export function encodePrefix(
  weights: Weights,
  inputs: PrefixInputs,
  config: PaliGemmaConfig,
): Cache & { embeddings: Value } {
  const { language } = config;
  const { embeddings, valid } = embedPrefix(weights, inputs, config);
  const [batch, count, width] = embeddings.shape;
  const x = reshape(embeddings, [multiplyDims(batch, count), width]);
  const tokens = { x, batch, count, like: embeddings };
  const part = { name: LANGUAGE, scope: 'language' };
  const { layers } = decoderLayers(weights, part, tokens, language, { valid, cutOff: true });
  return { layers, valid, embeddings };
}
