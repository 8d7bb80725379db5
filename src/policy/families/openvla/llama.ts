import type { Value } from '../../../onnx/graph.ts';
import { add, cast, concat, gather, multiply, reshape, rmsNorm, silu } from '../../../onnx/operators.ts'; // prettier-ignore
import { kernelsOf } from '../../paligemma/kernels.ts';
import { dense, vector } from '../../paligemma/layers.ts';
import type { Attention, LayerCache, Weights } from '../../paligemma/network.ts';
import type { OpenVlaConfig } from './config.ts';

type Language = OpenVlaConfig['language'];

const MODEL = 'language_model.model';
export const EMBEDDINGS = `${MODEL}.embed_tokens.weight`;
const HEAD = 'language_model.lm_head';

/** Embeddings of tokens [..] → [.., width], as they are stored. */
export const embed = (weights: Weights, tokens: Value, { vocabulary, width }: Language): Value =>
  cast(gather(weights(EMBEDDINGS, [vocabulary, width]), tokens), 'float32');

/** How likely each token is to come next, before softmax: [rows, width] → [rows, vocabulary]. */
export const logitsOf = (weights: Weights, hidden: Value, { vocabulary }: Language): Value =>
  dense(weights, HEAD, hidden, vocabulary, false);

const normed = (weights: Weights, name: string, x: Value, { width, normEpsilon }: Language) =>
  rmsNorm(x, vector(weights, `${name}.weight`, [width]), normEpsilon);

/** The gated MLP: down(silu(gate(x)) · up(x)). */
function gatedMlp(weights: Weights, name: string, x: Value, { width, mlp }: Language): Value {
  const [gate, up] = ['gate_proj', 'up_proj'].map((part) =>
    dense(weights, `${name}.${part}`, x, mlp, false),
  );
  return dense(weights, `${name}.down_proj`, multiply(silu(gate), up), width, false);
}

/** One layer: tokens attend to `past` and to those of their own up to themselves, then pass the MLP. */
function layer(
  weights: Weights,
  name: string,
  x: Value,
  config: Language,
  attention: Attention,
  past: LayerCache,
): { x: Value; cache: LayerCache } {
  const { width, heads, kvHeads, headDim } = config;
  const seen = normed(weights, `${name}.input_layernorm`, x, config);
  const project = () =>
    concat(
      Object.entries({ q_proj: heads, k_proj: kvHeads, v_proj: kvHeads }).map(([part, count]) =>
        dense(weights, `${name}.self_attn.${part}`, seen, count * headDim, false),
      ),
      1,
    );
  const { attended, cache } = attention.attend(project, past);
  const after = add(x, dense(weights, `${name}.self_attn.o_proj`, attended, width, false));
  const thought = normed(weights, `${name}.post_attention_layernorm`, after, config);
  return { x: add(after, gatedMlp(weights, `${name}.mlp`, thought, config)), cache };
}

/**
 * Llama over embeddings [1, count, width] behind a cache, which may be empty. Each token sees the cache and its own
 * sequence up to itself. Returns the hidden states behind the last norm [count, width], and the cache with theirs.
 */
export function llama(
  weights: Weights,
  embeddings: Value,
  past: readonly LayerCache[],
  config: Language,
): { hidden: Value; layers: LayerCache[] } {
  const [batch, count, width] = embeddings.shape;
  const place = { batch, count, like: embeddings, past: { layers: [...past] }, causal: true };
  const attention = kernelsOf(weights).attention(place, config);
  let x = reshape(embeddings, [count, width]);
  const layers = past.map((own, i) =>
    embeddings.graph.scope(`layers.${i}`, () => {
      const result = layer(weights, `${MODEL}.layers.${i}`, x, config, attention, own);
      x = result.x;
      return result.cache;
    }),
  );
  return { hidden: normed(weights, `${MODEL}.norm`, x, config), layers };
}
