import type { Value } from '../../../onnx/graph.ts';
import {
  add,
  cast,
  geluTanh,
  layerNorm,
  multiply,
  reshape,
  softmax,
  subtract,
  transpose,
} from '../../../onnx/operators.ts';
import { linear, product } from '../../../onnx/products.ts';
import { multiplyDims } from '../../../onnx/dim.ts';
import { type Pi0Config, tokensPerImage } from './config.ts';
import { dense, vector } from './layers.ts';
import { type Weights } from './network.ts';

const TOWER = 'paligemma_with_expert.paligemma.model.vision_tower.vision_model';
const PROJECTOR = 'paligemma_with_expert.paligemma.model.multi_modal_projector.linear';
const LAYER_NORM_EPSILON = 1e-6;

/** Patches of float images [batch, cameras, 3, side, side] in −1…1 → [images, patches, patch²·3]. */
export function patchesOfImages(images: Value, config: Pi0Config): Value {
  const { patch, imageSize } = config.vision;
  const grid = imageSize / patch;
  const count = multiplyDims(images.shape[0], images.shape[1]);
  const tiles = reshape(images, [count, 3, grid, patch, grid, patch]);
  return reshape(transpose(tiles, [0, 2, 4, 3, 5, 1]), [count, grid * grid, patch * patch * 3]);
}

/**
 * Patches of RGB bytes [batch, cameras, side, side, 3] → [images, patches, patch²·3] in −1…1. A patch's rows stay
 * as they are, so that they move as blocks: ONNX Runtime transposes byte by byte where channels come first.
 */
export function patchesOfBytes(bytes: Value, config: Pi0Config): Value {
  const { patch, imageSize } = config.vision;
  const grid = imageSize / patch;
  const count = multiplyDims(bytes.shape[0], bytes.shape[1]);
  const tiles = reshape(bytes, [count, grid, patch, grid, patch, 3]);
  const patches = transpose(tiles, [0, 1, 3, 2, 4, 5]);
  const flat = reshape(patches, [count, grid * grid, patch * patch * 3]);
  return subtract(multiply(cast(flat, 'float32'), 2 / 255), 1);
}

function norm(weights: Weights, name: string, x: Value): Value {
  const shape = [x.shape.at(-1) ?? 1];
  const [scale, bias] = ['weight', 'bias'].map((part) => vector(weights, `${name}.${part}`, shape));
  return layerNorm(x, scale, bias, LAYER_NORM_EPSILON);
}

function selfAttention(weights: Weights, name: string, x: Value, heads: number): Value {
  const [images, tokens, width] = x.shape;
  const headDim = (width as number) / heads;
  const project = (part: string) =>
    reshape(dense(weights, `${name}.${part}`, x, width as number), [
      images,
      tokens,
      heads,
      headDim,
    ]);
  const queries = transpose(multiply(project('q_proj'), headDim ** -0.5), [0, 2, 1, 3]);
  const keys = transpose(project('k_proj'), [0, 2, 3, 1]);
  const values = transpose(project('v_proj'), [0, 2, 1, 3]);
  const mixed = product(softmax(product(queries, keys)), values);
  const flat = reshape(transpose(mixed, [0, 2, 1, 3]), [images, tokens, width]);
  return dense(weights, `${name}.out_proj`, flat, width as number);
}

/** SigLIP and the projector: patches [images, patches, patch²·3] → [images, patches, language width]. */
export function imageTokens(weights: Weights, patches: Value, config: Pi0Config): Value {
  const { width, depth, heads, mlp, patch } = config.vision;
  const kernel = weights(`${TOWER}.embeddings.patch_embedding.weight`, [width, 3, patch, patch]);
  const bias = weights(`${TOWER}.embeddings.patch_embedding.bias`, [width]);
  const positions = vector(weights, `${TOWER}.embeddings.position_embedding.weight`, [
    tokensPerImage(config),
    width,
  ]);
  const byPixel = reshape(transpose(kernel, [0, 2, 3, 1]), [width, patch * patch * 3]);
  let x = add(linear(patches, byPixel, bias), positions);
  for (let layer = 0; layer < depth; layer++) {
    const name = `${TOWER}.encoder.layers.${layer}`;
    x = patches.graph.scope(`layers.${layer}`, () => {
      const attended = selfAttention(
        weights,
        `${name}.self_attn`,
        norm(weights, `${name}.layer_norm1`, x),
        heads,
      );
      const y = add(x, attended);
      const hidden = dense(
        weights,
        `${name}.mlp.fc1`,
        norm(weights, `${name}.layer_norm2`, y),
        mlp,
      );
      return add(y, dense(weights, `${name}.mlp.fc2`, geluTanh(hidden), width));
    });
  }
  const features = norm(weights, `${TOWER}.post_layernorm`, x);
  return dense(weights, PROJECTOR, features, config.language.width);
}
