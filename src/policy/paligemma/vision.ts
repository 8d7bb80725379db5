import type { NormedSum } from '../../onnx/fusedOperators.ts';
import type { Value } from '../../onnx/graph.ts';
import {
  add,
  cast,
  layerNorm,
  multiply,
  reshape,
  subtract,
  transpose,
} from '../../onnx/operators.ts';
import { linear } from '../../onnx/products.ts';
import { multiplyDims } from '../../onnx/dim.ts';
import { type PaliGemmaConfig, tokensPerImage } from './config.ts';
import { kernelsOf } from './kernels.ts';
import { dense, denseBlock, denseGelu, vector } from './layers.ts';
import type { Block, Weights } from './network.ts';

const TOWER = 'paligemma_with_expert.paligemma.model.vision_tower.vision_model';
const PROJECTOR = 'paligemma_with_expert.paligemma.model.multi_modal_projector.linear';
const LAYER_NORM_EPSILON = 1e-6;

/** Patches of float images [batch, cameras, 3, side, side] in −1…1 → [images, patches, patch²·3]. */
export function patchesOfImages(images: Value, config: PaliGemmaConfig): Value {
  const { patch, imageSize } = config.vision;
  const grid = imageSize / patch;
  const count = multiplyDims(images.shape[0], images.shape[1]);
  const tiles = reshape(images, [count, 3, grid, patch, grid, patch]);
  return reshape(transpose(tiles, [0, 2, 4, 3, 5, 1]), [count, grid * grid, patch * patch * 3]);
}

/**
 * Patches of RGB bytes [batch, cameras, side, side, 3] → [images, patches, patch²·3], as float32. A patch's rows stay
 * as they are, so that they move as blocks: ONNX Runtime transposes byte by byte where channels come first.
 */
export function bytePatches(
  bytes: Value,
  { patch, imageSize }: Pick<PaliGemmaConfig['vision'], 'patch' | 'imageSize'>,
): Value {
  const grid = imageSize / patch;
  const count = multiplyDims(bytes.shape[0], bytes.shape[1]);
  const tiles = reshape(bytes, [count, grid, patch, grid, patch, 3]);
  const patches = transpose(tiles, [0, 1, 3, 2, 4, 5]);
  return cast(reshape(patches, [count, grid * grid, patch * patch * 3]), 'float32');
}

/** The same in −1…1. */
export const patchesOfBytes = (bytes: Value, { vision }: PaliGemmaConfig): Value =>
  subtract(multiply(bytePatches(bytes, vision), 2 / 255), 1);

/** A convolution's kernel [width, 3, patch, patch] as the matrix [width, patch²·3] that multiplies patches. */
export function patchMatrix(kernel: Value): Value {
  const [width, channels, patch] = kernel.shape as number[];
  return reshape(transpose(kernel, [0, 2, 3, 1]), [width, patch * patch * channels]);
}

const normWeights = (weights: Weights, name: string, width: number) =>
  ['weight', 'bias'].map((part) => vector(weights, `${name}.${part}`, [width]));

/** Tokens and what the block before adds to them, if any: the sum and its layer norm. */
function normOfSum(
  weights: Weights,
  name: string,
  x: Value,
  block: Block | undefined,
  width: number,
): NormedSum {
  const [scale, bias] = normWeights(weights, name, width);
  return block
    ? kernelsOf(weights).layerNormOfSum(x, block, scale, bias, LAYER_NORM_EPSILON)
    : { sum: x, normed: layerNorm(x, scale, bias, LAYER_NORM_EPSILON) };
}

function selfAttention(weights: Weights, name: string, x: Value, heads: number): Block {
  const width = x.shape[2] as number;
  const parts = ['q_proj', 'k_proj', 'v_proj'].map((part) => `${name}.${part}`);
  const kernels = kernelsOf(weights);
  const isPacked = weights.packed?.(`${parts[0]}.weight`, [width, width]) !== undefined;
  const mixed = isPacked
    ? kernels.mix(parts.map((part) => dense(weights, part, x, width)), heads) // prettier-ignore
    : kernels.imageAttention(
        x,
        parts.map((part) => ({
          bias: vector(weights, `${part}.bias`, [width]),
          weight: weights(`${part}.weight`, [width, width]),
        })),
        heads,
      );
  return denseBlock(weights, `${name}.out_proj`, mixed, width);
}

/** SigLIP and the projector: patches [images, patches, patch²·3] → [images, patches, language width]. */
export function imageTokens(weights: Weights, patches: Value, config: PaliGemmaConfig): Value {
  const { width, depth, heads, mlp, patch } = config.vision;
  const kernel = weights(`${TOWER}.embeddings.patch_embedding.weight`, [width, 3, patch, patch]);
  const bias = weights(`${TOWER}.embeddings.patch_embedding.bias`, [width]);
  const positions = vector(weights, `${TOWER}.embeddings.position_embedding.weight`, [
    tokensPerImage(config),
    width,
  ]);
  let x = add(linear(patches, patchMatrix(kernel), bias), positions);
  let block: Block | undefined;
  for (let layer = 0; layer < depth; layer++)
    patches.graph.scope(`layers.${layer}`, () => {
      const name = `${TOWER}.encoder.layers.${layer}`;
      const first = normOfSum(weights, `${name}.layer_norm1`, x, block, width);
      const attended = selfAttention(weights, `${name}.self_attn`, first.normed, heads);
      const second = normOfSum(weights, `${name}.layer_norm2`, first.sum, attended, width);
      const hidden = denseGelu(weights, `${name}.mlp.fc1`, second.normed, mlp);
      x = second.sum;
      block = denseBlock(weights, `${name}.mlp.fc2`, hidden, width);
    });
  const { normed } = normOfSum(weights, `${TOWER}.post_layernorm`, x, block, width);
  return dense(weights, PROJECTOR, normed, config.language.width);
}
