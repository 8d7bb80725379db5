import type { Value } from '../../../onnx/graph.ts';
import {
  add,
  expand,
  gather,
  relu,
  reshape,
  rmsNorm,
  softmax,
  transpose,
  where,
} from '../../../onnx/operators.ts';
import { product } from '../../../onnx/products.ts';
import type { Weights } from '../../paligemma/network.ts';
import type { TextEncoder } from './config.ts';
import { projected, stored } from './layers.ts';

/** The encoder's weights, as Flax's T5 of transformers names them. */
export const TEXT_ENCODER = 'octo_transformer/task_tokenizers_language/hf_model';
const EPSILON = 1e-6;
const LOWEST = -3.4028234663852886e38;

/** The bucket of a key's distance from a query: near ones have their own, far ones share. */
function bucketOf(distance: number, { buckets, maxDistance }: TextEncoder): number {
  const half = buckets / 2;
  const near = half / 2;
  const far = Math.abs(distance);
  const scaled =
    near + Math.trunc((Math.log(far / near) / Math.log(maxDistance / near)) * (half - near));
  return (distance > 0 ? half : 0) + (far < near ? far : Math.min(scaled, half - 1));
}

/** What is added to scores by the distance of two tokens: [1, heads, count, count]. */
function positionBias(weights: Weights, like: Value, count: number, config: TextEncoder): Value {
  const { buckets, heads } = config;
  const places = Array.from({ length: count }, (_, i) => i);
  const indices = places.flatMap((query) => places.map((key) => bucketOf(key - query, config)));
  const name = `${TEXT_ENCODER}/encoder/block/0/layer/0/SelfAttention/relative_attention_bias/embedding`;
  const table = stored(weights, name, [buckets, heads]);
  const biases = gather(table, like.graph.constant('int64', indices, [count, count]));
  return reshape(transpose(biases, [2, 0, 1]), [1, heads, count, count]);
}

/** T5's encoder: tokens int64 [batch, count], of which those in `mask` count → [batch, count, width]. */
export function encodeText(
  weights: Weights,
  tokens: Value,
  mask: Value,
  width: number,
  config: TextEncoder,
): Value {
  const { vocabulary, depth, heads, headDim, mlp } = config;
  const [batch, count] = tokens.shape as number[];
  const { graph } = tokens;
  const norm = (name: string, x: Value) =>
    rmsNorm(x, stored(weights, `${name}/weight`, [width]), EPSILON);
  const split = (x: Value, order: readonly number[]) =>
    transpose(reshape(x, [batch, count, heads, headDim]), order);
  const bias = positionBias(weights, tokens, count, config);
  const keys = expand(reshape(mask, [batch, 1, 1, count]), [1, 1, count, 1]);
  const lowest = graph.constant('float32', [LOWEST], []);

  let x = gather(stored(weights, `${TEXT_ENCODER}/shared/embedding`, [vocabulary, width]), tokens);
  for (let block = 0; block < depth; block++)
    graph.scope(`block.${block}`, () => {
      const [attention, feedForward] = [0, 1].map(
        (layer) => `${TEXT_ENCODER}/encoder/block/${block}/layer/${layer}`,
      );
      const own = norm(`${attention}/layer_norm`, x);
      const [queries, keysOf, values] = ['q', 'k', 'v'].map((part) =>
        projected(weights, `${attention}/SelfAttention/${part}`, own, heads * headDim),
      );
      const scores = add(product(split(queries, [0, 2, 1, 3]), split(keysOf, [0, 2, 3, 1])), bias);
      const shares = softmax(where(keys, scores, lowest));
      const mixed = transpose(product(shares, split(values, [0, 2, 1, 3])), [0, 2, 1, 3]);
      const flat = reshape(mixed, [batch, count, heads * headDim]);
      x = add(x, projected(weights, `${attention}/SelfAttention/o`, flat, width));
      const before = norm(`${feedForward}/layer_norm`, x);
      const inner = relu(projected(weights, `${feedForward}/DenseReluDense/wi`, before, mlp));
      x = add(x, projected(weights, `${feedForward}/DenseReluDense/wo`, inner, width));
    });
  return norm(`${TEXT_ENCODER}/encoder/final_layer_norm`, x);
}
