import { multiplyDims } from '../../onnx/dim.ts';
import type { Value } from '../../onnx/graph.ts';
import {
  add,
  cast,
  concat,
  cumulativeSum,
  gather,
  multiply,
  reduceSum,
  reshape,
  subtract,
} from '../../onnx/operators.ts';
import { type Pi0Config, tokensPerImage } from './config.ts';
import { type LayerCache, type Weights, decoderLayer, keyMask, rotation } from './layers.ts';
import { imageTokens } from './vision.ts';

const LANGUAGE = 'paligemma_with_expert.paligemma.model.language_model';

/** What the action expert attends to: the keys and values of every layer, and which count. */
export interface Cache {
  layers: LayerCache[];
  /** bool [batch, tokens]: false for padding and for missing cameras. */
  valid: Value;
}

export interface PrefixInputs {
  /** [batch·cameras, patches, 3·patch²], in −1…1. */
  patches: Value;
  /** bool [batch, cameras]: false where a camera is missing. */
  cameraMask: Value;
  /** int64 [batch, text]. */
  tokens: Value;
  /** bool [batch, text]: false for padding. */
  tokenMask: Value;
}

/** Embeddings of images, then prompt: [batch, tokens, width], and which of them count. */
export function embedPrefix(weights: Weights, inputs: PrefixInputs, config: Pi0Config) {
  const { patches, cameraMask, tokens, tokenMask } = inputs;
  const { width, vocabulary } = config.language;
  const [batch, cameras] = cameraMask.shape;
  const perImage = tokensPerImage(config);
  const { graph } = patches;
  const images = graph.scope('vision', () => imageTokens(weights, patches, config));
  const allImages = reshape(images, [batch, multiplyDims(cameras, perImage), width], cameraMask);
  const table = weights(`${LANGUAGE}.embed_tokens.weight`, [vocabulary, width]);
  const text = multiply(gather(table, tokens), Math.sqrt(width));
  const perToken = graph.constant('float32', new Array<number>(perImage).fill(1));
  const ofCameras = multiply(
    reshape(cast(cameraMask, 'float32'), [batch, cameras, 1], cameraMask),
    perToken,
  );
  const imagesValid = cast(
    reshape(ofCameras, [batch, multiplyDims(cameras, perImage)], cameraMask),
    'bool',
  );
  return {
    embeddings: concat([allImages, text], 1),
    valid: concat([imagesValid, tokenMask], 1),
  };
}

/** Positions of valid tokens counted from 0, int64 [batch, tokens]. */
function positionsOf(valid: Value): Value {
  return subtract(cumulativeSum(cast(valid, 'int64'), 1), 1);
}

/**
 * Gemma over images and prompt, for its keys and values alone: it depends neither on the state, the
 * noise, the time nor the expert, so a chunk needs it once, and the learner once for each observation.
 */
export function encodePrefix(weights: Weights, inputs: PrefixInputs, config: Pi0Config): Cache {
  const { language } = config;
  const { embeddings, valid } = embedPrefix(weights, inputs, config);
  const [batch, count, width] = embeddings.shape;
  const turn = rotation(positionsOf(valid), language);
  const mask = keyMask(valid);
  const layers: LayerCache[] = [];
  let x = reshape(embeddings, [multiplyDims(batch, count), width]);
  for (let layer = 0; layer < language.depth; layer++) {
    const name = `${LANGUAGE}.layers.${layer}`;
    const tokens = { x, batch, count, like: embeddings };
    const last = layer === language.depth - 1;
    const result = x.graph.scope(`language.${layer}`, () =>
      decoderLayer(weights, name, tokens, language, turn, undefined, mask, last),
    );
    layers.push(result.cache);
    x = result.x;
  }
  return { layers, valid };
}

/** Positions of tokens that follow a cache: number of its valid tokens + 0, 1, …; int64 [batch, count]. */
export function positionsAfter(valid: Value, count: number): Value {
  const total = reduceSum(cast(valid, 'int64'), [1]);
  const steps = valid.graph.constant(
    'int64',
    Array.from({ length: count }, (_, i) => i),
  );
  return add(total, steps);
}
