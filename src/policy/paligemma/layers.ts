import type { Attention, Block, LayerCache, Place, Tokens, Weights } from './network.ts';
import type { Shape } from '../../onnx/dim.ts';
import type { Value } from '../../onnx/graph.ts';
import { add, cast, concat, geluTanh, multiply } from '../../onnx/operators.ts';
import {
  type BlockMatrix,
  type IntegerMatrix,
  linearIn,
  type PackedMatrix,
} from '../../onnx/products.ts';
import type { TransformerConfig } from './config.ts';
import { kernelsOf } from './kernels.ts';
import { type Addition, type Modulations, normOfSum } from './norms.ts';

/** A weight that takes part otherwise than in a matrix product. */
export const vector = (weights: Weights, name: string, shape: Shape): Value =>
  cast(weights(name, shape), 'float32');

const withAdded = (x: Value, added: Value | undefined) => (added ? add(x, added) : x);

/** Product of a dense layer under `name`, with a bias or without: [..., in] → [..., out]. */
function productWith(weights: Weights, name: string, x: Value, out: number, bias?: Value): Value {
  const shape = [out, x.shape.at(-1) as number] as const;
  const packed = weights.packed?.(`${name}.weight`, shape);
  const y = packed
    ? kernelsOf(weights).packedLinear(x, packed, bias)
    : kernelsOf(weights).linear(x, weights(`${name}.weight`, shape), bias);
  return withAdded(y, weights.adapter?.(`${name}.weight`, shape, x));
}

/** Dense layer under `name`: [..., in] → [..., out]. */
export const dense = (weights: Weights, name: string, x: Value, out: number, bias = true): Value =>
  productWith(weights, name, x, out, bias ? weights(`${name}.bias`, [out]) : undefined);

/** A dense layer whose result is added to tokens. */
export const denseBlock = (weights: Weights, name: string, x: Value, out: number): Block =>
  kernelsOf(weights).block(
    (bias) => productWith(weights, name, x, out, bias),
    vector(weights, `${name}.bias`, [out]),
  );

/** The tanh form of GELU of a dense layer. */
export const denseGelu = (weights: Weights, name: string, x: Value, out: number): Value =>
  kernelsOf(weights).gelu(
    (bias) => productWith(weights, name, x, out, bias),
    vector(weights, `${name}.bias`, [out]),
  );

/** The same in x's type whatever the graph's: what the reference computes in float32 beside its half-precision layers. */
export function preciseDense(weights: Weights, name: string, x: Value, out: number): Value {
  const weight = weights(`${name}.weight`, [out, x.shape.at(-1) as number]);
  return linearIn(x.type, x, weight, weights(`${name}.bias`, [out]));
}

/** Gemma's gated MLP: down(gelu(gate(x)) · up(x)). */
function gatedMlp(weights: Weights, name: string, x: Value, hidden: number): Value {
  const gate = dense(weights, `${name}.gate_proj`, x, hidden, false);
  const up = dense(weights, `${name}.up_proj`, x, hidden, false);
  const width = x.shape.at(-1) as number;
  return dense(weights, `${name}.down_proj`, multiply(geluTanh(gate), up), width, false);
}

/** Matrices of few bits above each other; undefined unless all of them are such, and packed alike. */
function stackPacked(parts: readonly (PackedMatrix | undefined)[]): PackedMatrix | undefined {
  const integers = parts.filter((part): part is IntegerMatrix => part !== undefined && 'integers' in part); // prettier-ignore
  const blocks = parts.filter((part): part is BlockMatrix => part !== undefined && 'block' in part);
  const all = integers.length === parts.length ? integers : blocks;
  if (all.length !== parts.length) return undefined;
  const rows = all.reduce((sum, { shape }) => sum + shape[0], 0);
  const shape = [rows, all[0].shape[1]] as const;
  const scales = concat(all.map((part) => part.scales), 0); // prettier-ignore
  return all === integers
    ? { shape, scales, integers: concat(integers.map((part) => part.integers), 1) } // prettier-ignore
    : { ...blocks[0], shape, scales, elements: concat(blocks.map(({ elements }) => elements), 0) }; // prettier-ignore
}

/**
 * Queries, keys and values of tokens beside each other, or keys and values alone, from one product with their
 * weights stacked.
 */
function project(
  weights: Weights,
  name: string,
  x: Value,
  { heads, kvHeads, headDim }: TransformerConfig,
  parts: 'all' | 'cache',
): Value {
  const width = x.shape.at(-1) as number;
  const sizes = Object.entries({ q_proj: heads, k_proj: kvHeads, v_proj: kvHeads });
  const each = <T>(give: (name: string, shape: readonly [number, number]) => T) =>
    sizes
      .map(([part, n]) => give(`${name}.${part}.weight`, [n * headDim, width]))
      .slice(parts === 'all' ? 0 : 1);
  const packed = stackPacked(each((...weight) => weights.packed?.(...weight)));
  const stacked = packed
    ? kernelsOf(weights).packedLinear(x, packed)
    : kernelsOf(weights).linear(x, concat(each((...weight) => weights(...weight)), 0)); // prettier-ignore
  const added = each((weight, shape) => weights.adapter?.(weight, shape, x));
  const adapted = added.every((part) => part !== undefined) ? concat(added, 1) : undefined;
  return withAdded(stacked, adapted);
}

/** Tokens, and what a layer's last block adds to them. */
interface Sum {
  x: Value;
  addition?: Addition;
}

/**
 * One layer of Gemma: tokens attend to `past` and to themselves, then pass the gated MLP. Returns
 * the tokens after it and the cache with theirs added; a layer whose tokens nobody reads is cut off
 * after its keys and values.
 */
function decoderLayer(
  weights: Weights,
  { name, modulations }: { name: string; modulations?: Modulations },
  tokens: Tokens,
  { x, addition }: Sum,
  config: TransformerConfig,
  attention: Attention,
  past: LayerCache | undefined,
  cutOff: boolean,
): { sum: Sum; cache: LayerCache } {
  const [before, between] = [`${name}.input_layernorm`, `${name}.post_attention_layernorm`];
  const first = normOfSum(weights, before, { ...tokens, x }, addition, modulations);
  const projected = (parts: 'all' | 'cache') =>
    project(weights, `${name}.self_attn`, first.normed, config, parts);
  if (cutOff) return { sum: { x: first.sum }, cache: attention.remember(projected, past) };
  const { attended, cache } = attention.attend(projected, past);
  const seen = dense(weights, `${name}.self_attn.o_proj`, attended, config.width, false);
  const attentionGate = modulations?.get(before)?.gate;
  const second = normOfSum(
    weights,
    between,
    { ...tokens, x: first.sum },
    { value: seen, gate: attentionGate },
    modulations,
  );
  const thought = gatedMlp(weights, `${name}.mlp`, second.normed, config.mlp);
  const gate = modulations?.get(between)?.gate;
  return { sum: { x: second.sum, addition: { value: thought, gate } }, cache };
}

/**
 * All layers of a Gemma under `name`, each attending to its own part of `past` and to the tokens
 * themselves. Where nobody reads the last layer's tokens it is cut off after its keys and values. Returns the
 * tokens and what is still to be added to them.
 */
export function decoderLayers(
  weights: Weights,
  { name, scope, modulations }: { name: string; scope: string; modulations?: Modulations },
  tokens: Tokens,
  config: TransformerConfig,
  { past, valid, causal, cutOff }: Pick<Place, 'past' | 'valid' | 'causal'> & { cutOff: boolean },
): Sum & { layers: LayerCache[] } {
  const kernels = kernelsOf(weights);
  const { x: flat, ...sequence } = tokens;
  const attention = kernels.attention({ ...sequence, past, valid, causal }, config);
  const layers: LayerCache[] = [];
  let sum: Sum = { x: kernels.layOut(flat, sequence) };
  for (let layer = 0; layer < config.depth; layer++) {
    const last = cutOff && layer === config.depth - 1;
    const part = { name: `${name}.layers.${layer}`, modulations };
    const result = flat.graph.scope(`${scope}.${layer}`, () =>
      decoderLayer(weights, part, tokens, sum, config, attention, past?.layers[layer], last),
    );
    layers.push(result.cache);
    sum = result.sum;
  }
  return { ...sum, layers };
}
