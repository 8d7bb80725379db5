import type { Value } from '../../../onnx/graph.ts';
import {
  add,
  and,
  concat,
  expand,
  geluTanh,
  multiply,
  reshape,
  slice,
  softmax,
  transpose,
  where,
} from '../../../onnx/operators.ts';
import { product } from '../../../onnx/products.ts';
import type { Weights } from '../../paligemma/network.ts';
import { attentionRules } from './attentionRules.ts';
import { type OctoConfig, patchesOf } from './config.ts';
import { dense, normed, stored } from './layers.ts';
import { type Pictures, stem } from './stem.ts';

const ROOT = 'octo_transformer';
/** What stands for minus infinity, so that a row that sees nothing sees all alike. */
const LOWEST = -3.4028234663852886e38;

/** What a policy reads. */
export interface OctoInputs {
  /** By the names of the tokenizers. */
  pictures: Record<string, Pictures>;
  /** bool [batch, window], by the same names: whether there is an image. */
  seen: Record<string, Value>;
  /** bool [batch, window]: whether there is a step. */
  steps: Value;
  /** [batch, tokens, width], and bool [batch]: whether there is an instruction. Absent without a language. */
  language?: { embedded: Value; given: Value };
}

/** Tokens in the order of the sequence, and which of them count. */
export interface Tokens {
  /** By group, before positions are added: [batch, (window,) tokens, width]. */
  projections: Record<string, Value>;
  /** [batch, all, width]. */
  sequence: Value;
  /** bool [batch, all]. */
  valid: Value;
}

/** The sequence: the instruction, then for each step images, the instruction again and the readout. */
export function assemble(weights: Weights, inputs: OctoInputs, config: OctoConfig): Tokens {
  const { width, maxWindow, images, language, readouts, head } = config;
  const [batch, window] = inputs.steps.shape as number[];
  const { graph } = inputs.steps;
  const projections: Record<string, Value> = {};
  const positions = (name: string, count: number) =>
    slice(
      stored(weights, `${ROOT}/${name}_pos_embedding`, [1, maxWindow, count, width]),
      1,
      0,
      window,
    );
  /** Whether tokens count, by groups of a step: bool [batch, window] → [batch, window, count]. */
  const spread = (valid: Value, count: number) =>
    expand(reshape(valid, [batch, window, 1]), [1, 1, count]);

  const groups = images.map((image) => {
    const count = patchesOf(image);
    const { patches } = graph.scope(image.name, () =>
      stem(weights, inputs.pictures[image.name], image),
    );
    const group = `obs_${image.name}`;
    const flat = dense(weights, `${ROOT}/${group}_projection`, patches, width);
    projections[group] = reshape(flat, [batch, window, count, width]);
    return {
      tokens: add(projections[group], positions(group, count)),
      valid: spread(and(inputs.steps, inputs.seen[image.name]), count),
    };
  });
  const task = language && readInstruction(weights, inputs.language!, config);
  if (task) projections.task_language = task.projection;
  if (task && language.repeated) {
    const each = [1, window, 1];
    groups.push({
      tokens: expand(reshape(task.tokens, [batch, 1, language.tokens, width]), [...each, 1]),
      valid: expand(reshape(task.valid, [batch, 1, language.tokens]), each),
    });
  }
  const always = graph.constant('bool', [1], [1, 1, 1]);
  groups.push({
    tokens: expand(positions(`readout_${head.readout}`, readouts), [batch, 1, 1, 1]),
    valid: expand(always, [batch, window, readouts]),
  });
  const steps = {
    tokens: concat(groups.map(({ tokens }) => tokens), 2), // prettier-ignore
    valid: concat(groups.map(({ valid }) => valid), 2), // prettier-ignore
  };
  const all = window * (steps.tokens.shape[2] as number);
  const tokens = reshape(steps.tokens, [batch, all, width]);
  const valid = reshape(steps.valid, [batch, all]);
  return {
    projections,
    sequence: task ? concat([task.tokens, tokens], 1) : tokens,
    valid: task ? concat([task.valid, valid], 1) : valid,
  };
}

/** The instruction's tokens [batch, tokens, width], and whether they count, bool [batch, tokens]. */
function readInstruction(
  weights: Weights,
  { embedded, given }: NonNullable<OctoInputs['language']>,
  { width, language }: OctoConfig,
) {
  const { tokens: count } = language!;
  const projection = dense(weights, `${ROOT}/task_language_projection`, embedded, width);
  const positions = stored(weights, `${ROOT}/task_language_pos_embedding`, [1, count, width]);
  return {
    projection,
    tokens: add(projection, positions),
    valid: expand(reshape(given, [given.shape[0], 1]), [1, count]),
  };
}

/** Which token (row) sees which: bool [batch, all, all]. */
export function attentionMask({ valid }: Tokens, config: OctoConfig, window: number): Value {
  const [batch, all] = valid.shape as number[];
  const rules = attentionRules(config, window).flat().map(Number);
  const allowed = valid.graph.constant('bool', rules, [1, all, all]);
  return and(allowed, reshape(valid, [batch, 1, all]));
}

/** Self-attention of tokens [batch, tokens, width] where `mask` [batch, 1, tokens, tokens] allows it. */
function attention(weights: Weights, name: string, x: Value, mask: Value, heads: number): Value {
  const [batch, tokens, width] = x.shape as number[];
  const size = width / heads;
  const project = (part: string, order: readonly number[]) => {
    const kernel = reshape(weights(`${name}/${part}/kernel`, [width, heads, size]), [width, width]);
    const bias = reshape(stored(weights, `${name}/${part}/bias`, [heads, size]), [width]);
    return transpose(reshape(add(product(x, kernel), bias), [batch, tokens, heads, size]), order);
  };
  const queries = multiply(project('query', [0, 2, 1, 3]), 1 / Math.sqrt(size));
  const scores = product(queries, project('key', [0, 2, 3, 1]));
  const lowest = x.graph.constant('float32', [LOWEST], []);
  const shares = softmax(where(mask, scores, lowest));
  const mixed = transpose(product(shares, project('value', [0, 2, 1, 3])), [0, 2, 1, 3]);
  const kernel = reshape(weights(`${name}/out/kernel`, [heads, size, width]), [width, width]);
  const sum = product(reshape(mixed, [batch, tokens, width]), kernel);
  return add(sum, stored(weights, `${name}/out/bias`, [width]));
}

/** What the transformer makes of tokens, each [batch, all, width]. */
export interface Transformed {
  /** After each block. */
  hidden: Value[];
  outputs: Value;
}

/** Pre-norm transformer blocks. */
export function transform(
  weights: Weights,
  tokens: Value,
  mask: Value,
  config: OctoConfig,
): Transformed {
  const { width, depth, mlp, heads } = config;
  const root = `${ROOT}/BlockTransformer_0/Transformer_0`;
  const [batch, all] = tokens.shape as number[];
  const allowed = reshape(mask, [batch, 1, all, all]);
  const hidden: Value[] = [];
  let x = tokens;
  for (let block = 0; block < depth; block++)
    tokens.graph.scope(`block.${block}`, () => {
      const name = `${root}/encoderblock_${block}`;
      const first = normed(weights, `${name}/LayerNorm_0`, x);
      const attended = attention(
        weights,
        `${name}/MultiHeadDotProductAttention_0`,
        first,
        allowed,
        heads,
      );
      x = add(x, attended);
      const second = normed(weights, `${name}/LayerNorm_1`, x);
      const inner = geluTanh(dense(weights, `${name}/MlpBlock_0/Dense_0`, second, mlp));
      x = add(x, dense(weights, `${name}/MlpBlock_0/Dense_1`, inner, width));
      hidden.push(x);
    });
  return { hidden, outputs: normed(weights, `${root}/encoder_norm`, x) };
}

/** The last step's readout tokens, [batch, readouts, width]. */
export function lastReadout(outputs: Value, { readouts }: OctoConfig): Value {
  const all = outputs.shape[1] as number;
  return slice(outputs, 1, all - readouts, all);
}
