import type { Value } from '../../../onnx/graph.ts';
import {
  add,
  concat,
  divide,
  gelu,
  layerNorm,
  multiply,
  slice,
  split,
  subtract,
} from '../../../onnx/operators.ts';
import { linear } from '../../../onnx/products.ts';
import { kernelsOf } from '../../paligemma/kernels.ts';
import { dense, vector } from '../../paligemma/layers.ts';
import type { Weights } from '../../paligemma/network.ts';
import { bytePatches, patchMatrix } from '../../paligemma/vision.ts';
import { type OpenVlaConfig, type TowerConfig, patchesOf } from './config.ts';

const EPSILON = 1e-6;
const BYTE = 255;

/** Patches of RGB bytes [1, 1, side, side, 3], normalised: [1, patches, patch²·3]. */
export function normalisedPatches(
  bytes: Value,
  { mean, std }: TowerConfig,
  config: OpenVlaConfig,
): Value {
  const each = (values: readonly number[]) =>
    bytes.graph.constant(
      'float32',
      Array.from({ length: config.patch ** 2 * 3 }, (_, i) => values[i % 3]),
    );
  const shares = divide(bytePatches(bytes, config), BYTE);
  return divide(subtract(shares, each(mean)), each(std));
}

/** Patches as tokens, behind the class token and the registers: [1, tokens, width]. */
function embedded(
  weights: Weights,
  name: string,
  bytes: Value,
  tower: TowerConfig,
  config: OpenVlaConfig,
): Value {
  const { width, classToken, registers } = tower;
  const { patch } = config;
  const kernel = weights(`${name}.patch_embed.proj.weight`, [width, 3, patch, patch]);
  const bias = weights(`${name}.patch_embed.proj.bias`, [width]);
  const patches = linear(normalisedPatches(bytes, tower, config), patchMatrix(kernel), bias);
  const placed = add(patches, vector(weights, `${name}.pos_embed`, [1, patchesOf(config), width]));
  const prefix = [
    ...(classToken ? [vector(weights, `${name}.cls_token`, [1, 1, width])] : []),
    ...(registers > 0 ? [vector(weights, `${name}.reg_token`, [1, registers, width])] : []),
  ];
  return prefix.length > 0 ? concat([...prefix, placed], 1) : placed;
}

/** What one half of a block adds to tokens: `change` of their layer norm, scaled where the tower does. */
function added(
  weights: Weights,
  name: string,
  part: 1 | 2,
  x: Value,
  { width, layerScale }: TowerConfig,
  change: (normed: Value) => Value,
): Value {
  const norm = (which: string) => vector(weights, `${name}.norm${part}.${which}`, [width]);
  const result = change(layerNorm(x, norm('weight'), norm('bias'), EPSILON));
  if (!layerScale) return result;
  return multiply(result, vector(weights, `${name}.ls${part}.scale_factor`, [width]));
}

/** One block of timm's VisionTransformer. */
function block(weights: Weights, name: string, x: Value, tower: TowerConfig): Value {
  const { width, heads, mlp } = tower;
  const attend = (normed: Value) => {
    const stacked = dense(weights, `${name}.attn.qkv`, normed, 3 * width);
    const mixed = kernelsOf(weights).mix(split(stacked, 2, [width, width, width]), heads);
    return dense(weights, `${name}.attn.proj`, mixed, width);
  };
  const think = (normed: Value) =>
    dense(weights, `${name}.mlp.fc2`, gelu(dense(weights, `${name}.mlp.fc1`, normed, mlp)), width);
  const seen = add(x, added(weights, name, 1, x, tower, attend));
  return add(seen, added(weights, name, 2, seen, tower, think));
}

/**
 * A vision tower under `name` over RGB bytes [1, 1, side, side, 3]: the tokens of the patches behind the last block
 * that is read, without a final norm, [1, patches, width].
 */
export function towerFeatures(
  weights: Weights,
  name: string,
  bytes: Value,
  tower: TowerConfig,
  config: OpenVlaConfig,
): Value {
  let x = embedded(weights, name, bytes, tower, config);
  for (let i = 0; i < tower.depth; i++)
    x = bytes.graph.scope(`blocks.${i}`, () => block(weights, `${name}.blocks.${i}`, x, tower));
  const before = Number(tower.classToken) + tower.registers;
  return before > 0 ? slice(x, 1, before, before + patchesOf(config)) : x;
}
