import { type Dim, multiplyDims } from '../../../onnx/dim.ts';
import type { Value } from '../../../onnx/graph.ts';
import {
  add,
  cast,
  concat,
  cumulativeSum,
  gather,
  multiply,
  range,
  reduceSum,
  reshape,
  sizeOf,
  subtract,
} from '../../../onnx/operators.ts';
import { type Pi0Config, tokensPerImage } from './config.ts';
import { type LayerCache, decoderLayers, keyMask, rotation } from './layers.ts';
import { imageTokens } from './vision.ts';
import { type Weights } from './network.ts';

const LANGUAGE = 'paligemma_with_expert.paligemma.model.language_model';

/** What the action expert attends to: the keys and values of every layer, and which count. */
export interface Cache {
  layers: LayerCache[];
  /** bool [batch, tokens]: false for padding and for missing cameras. Absent where all tokens count. */
  valid?: Value;
}

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

/** Embeddings of images, then prompt: [batch, tokens, width], and which of them count. */
export function embedPrefix(
  weights: Weights,
  inputs: PrefixInputs,
  config: Pi0Config,
): { embeddings: Value; valid?: Value } {
  const { patches, cameras, tokens } = inputs;
  const { width, vocabulary } = config.language;
  const perImage = tokensPerImage(config);
  const images = patches.graph.scope('vision', () => imageTokens(weights, patches, config));
  const joined = [tokens.shape[0], multiplyDims(cameras, perImage), width];
  const table = weights(`${LANGUAGE}.embed_tokens.weight`, [vocabulary, width]);
  const text = multiply(cast(gather(table, tokens), 'float32'), Math.sqrt(width));
  return {
    embeddings: concat([reshape(images, joined, tokens), text], 1),
    valid: validTokens(inputs, perImage),
  };
}

/** Positions of tokens, the valid ones counted from 0: int64 [batch, tokens], or [1, tokens] if all are. */
function positionsOf(embeddings: Value, valid: Value | undefined): Value {
  if (valid) return subtract(cumulativeSum(cast(valid, 'int64'), 1), 1);
  const tokens = embeddings.shape[1];
  return reshape(range(sizeOf(embeddings, 1), tokens), [1, tokens]);
}

/**
 * Gemma over images and prompt, for its keys and values alone: it depends neither on the state, the
 * noise, the time nor the expert, so a chunk needs it once, and the learner once for each observation.
 */
export function encodePrefix(
  weights: Weights,
  inputs: PrefixInputs,
  config: Pi0Config,
): Cache & { embeddings: Value } {
  const { language } = config;
  const { embeddings, valid } = embedPrefix(weights, inputs, config);
  const [batch, count, width] = embeddings.shape;
  const turn = rotation(positionsOf(embeddings, valid), language);
  const mask = valid && keyMask(valid);
  const x = reshape(embeddings, [multiplyDims(batch, count), width]);
  const tokens = { x, batch, count, like: embeddings };
  const part = { name: LANGUAGE, scope: 'language' };
  const { layers } = decoderLayers(weights, part, tokens, language, turn, undefined, mask, true);
  return { layers, valid, embeddings };
}

/** Positions of `count` tokens that follow a cache: number of its valid tokens + 0, 1, …; int64 [.., count]. */
export function positionsAfter({ valid, layers }: Cache, count: number): Value {
  const { keys } = layers[0];
  const past = valid ? reduceSum(cast(valid, 'int64'), [1]) : reshape(sizeOf(keys, 2), [1, 1]);
  const steps = keys.graph.constant(
    'int64',
    Array.from({ length: count }, (_, i) => i),
  );
  return add(past, steps);
}
