import { type Shape, multiplyDims } from '../../../onnx/dim.ts';
import { Graph, type Value } from '../../../onnx/graph.ts';
import {
  add,
  argMax,
  concat,
  gather,
  less,
  loopWhile,
  multiply,
  reshape,
  sizeOf,
  slice,
  subtract,
} from '../../../onnx/operators.ts';
import type { ElementType } from '../../../tensors/elementType.ts';
import { kernelsOf } from '../../paligemma/kernels.ts';
import { decoderLayers } from '../../paligemma/layers.ts';
import type { Cache, LayerCache, Weights, WeightSource } from '../../paligemma/network.ts';
import { normOfSum } from '../../paligemma/norms.ts';
import { LANGUAGE, embedText, encodePrefix } from '../../paligemma/prefix.ts';
import { CAMERAS, type ImageInput, TEXT, prefixInputs } from '../../paligemma/prefixInputs.ts';
import { EMBEDDINGS, HEAD } from '../../paligemma/weightNames.ts';
import { onceEach } from '../../../onceEach.ts';
import { type LearnedPart, trainableWeights } from '../../paligemma/trainable.ts';
import { shapesOf } from '../../paligemma/weights.ts';
import type { Trainable } from '../../trainable.ts';
import { type Marks, allowedIds, firstCodeId } from './actionTokens.ts';
import type { FastConfig } from './config.ts';
import { layoutOf } from './layout.ts';
import type { Spelling } from './spelling.ts';

/** The language's layers as they write action tokens. What they read the prompt with stays, so that it is encoded once. */
export const WRITING: LearnedPart = {
  called: 'the language model',
  frozen: /./,
  dense: /\.language_model\.layers\.(\d+)\.(?:self_attn|mlp)\.\w+_proj\.weight$/,
};

/** What tokens behind a cache become, and the cache with theirs. */
interface Continued {
  /** [batch·count, width], normed. */
  hidden: Value;
  cache: Cache;
}

/**
 * Gemma over `count` tokens [batch, count] int64 behind a cache. Each sees the cache and those before it. `valid`
 * (bool [batch, count]), for a cache that has masks, tells those that count.
 */
export function continued(
  weights: Weights,
  tokens: Value,
  past: Cache,
  { language }: FastConfig,
  own?: Value,
): Continued {
  const [batch, count] = tokens.shape;
  const { graph } = tokens;
  const embeddings = graph.scope('text', () => embedText(weights, tokens, language));
  const x = reshape(embeddings, [multiplyDims(batch, count), language.width]);
  const sequence = { x, batch, count, like: embeddings };
  const valid = past.valid && own && concat([past.valid, own], 1);
  const part = { name: LANGUAGE, scope: 'action' };
  const { layers, ...sum } = decoderLayers(weights, part, sequence, language, {
    ...{ past, valid, causal: true, cutOff: false },
  });
  const { normed } = normOfSum(
    weights,
    `${LANGUAGE}.norm`,
    { ...sequence, x: sum.x },
    sum.addition,
  );
  return { hidden: normed, cache: { layers, valid, gap: past.gap } };
}

/** The table of the output layer [vocabulary, width]. */
function headTable(weights: Weights, { language, tiedHead }: FastConfig): Value {
  return weights(tiedHead ? EMBEDDINGS : HEAD, [language.vocabulary, language.width]);
}

/** How likely each token is to come next, before softmax: [.., width] → [.., vocabulary]. */
export const logitsOf = (weights: Weights, hidden: Value, config: FastConfig): Value =>
  kernelsOf(weights).linear(hidden, headTable(weights, config));

/** The rows of the output layer that belong to `allowedIds`. */
export function allowedRows(weights: Weights, config: FastConfig, { ends }: Marks): Value {
  const table = headTable(weights, config);
  const first = firstCodeId(config);
  const codes = slice(table, 0, first, first + config.fast.vocabulary);
  const others = gather(table, table.graph.constant('int64', ends));
  return concat([codes, others], 0);
}

/** Tokens of a chunk, and what they were chosen by. */
interface Written {
  /** int64 [tokens], the last of which is an end unless there was no room for it. */
  tokens: Value;
  /** [tokens, allowed]: logits of `allowedIds`, divided by the temperature. */
  logits: Value;
}

/** Less than any logit with its noise, and more than nothing beside the noise that decides golden tokens. */
const IMPOSSIBLE = -1e4;

/** Keeps to a spelling: what is added to logits in a state [1], int64, and the state behind a choice [1]. */
function spelled(graph: Graph, { states, may, behind }: Spelling) {
  const width = may.length / states;
  const barred = may.map((can) => (can ? 0 : IMPOSSIBLE));
  const barriers = graph.constant('float32', barred, [states, width]);
  const follows = graph.constant('int64', behind);
  return {
    barrier: (state: Value) => gather(barriers, state),
    behind: (state: Value, choice: Value) => gather(follows, add(multiply(state, width), choice)),
  };
}

/**
 * Writes action tokens behind a prompt, one at a time: the likeliest of the allowed ones by its logit and its `noise`
 * [most, allowed], until an end; of a spelling, only those that may follow.
 */
function write(
  weights: Weights,
  noise: Value,
  prompt: Cache,
  config: FastConfig,
  marks: Marks,
  spelling: Spelling,
): Written {
  const { graph } = noise;
  const { fast, temperature } = config;
  const rows = allowedRows(weights, config, marks);
  const ids = graph.constant('int64', allowedIds(config, marks));
  const width = ids.shape[0];
  const lead = graph.constant('int64', marks.lead, [1, marks.lead.length]);
  const { barrier, behind } = spelled(graph, spelling);

  /** Logits behind hidden states [1, width]. */
  const ahead = (hidden: Value) => {
    const logits = kernelsOf(weights).linear(hidden, rows);
    return temperature > 0 ? multiply(logits, 1 / temperature) : logits;
  };
  /** The token of logits [1, allowed] with the noise of a step, int64 [1], the state behind it, and whether another follows. */
  const choose = (logits: Value, step: Value, state: Value) => {
    const index = argMax(add(add(logits, gather(noise, step)), barrier(state)));
    const goesOn = reshape(less(index, fast.vocabulary), []);
    return { token: gather(ids, index), state: behind(state, index), goesOn };
  };

  const begun = continued(weights, lead, prompt, config);
  const last = slice(begun.hidden, 0, marks.lead.length - 1, marks.lead.length);
  const first = ahead(last);
  const start = choose(first, graph.constant('int64', [0], []), graph.constant('int64', [0]));
  const flat = (layers: readonly LayerCache[]) =>
    layers.flatMap(({ keys, values }) => [keys, values]);
  const initial = [start.token, start.state, start.token, first, ...flat(begun.cache.layers)];
  const grown = (written: string, known: string) => [
    [1],
    [1],
    [written],
    [written, width],
    ...flat(begun.cache.layers).map(({ shape }) => [shape[0], shape[1], known, shape[3]]),
  ];
  const shapes = { inside: grown('written', 'known'), behind: grown('tokens', 'seen') };
  const trips = subtract(sizeOf(noise, 0), 1);
  const one = graph.constant('int64', [1], []);
  const [, , tokens, logits] = loopWhile(
    { trips, begins: start.goesOn },
    initial,
    shapes,
    (step, [before, state, written, scores, ...cache]) => {
      const layers = begun.cache.layers.map((_, i) => ({
        keys: cache[2 * i],
        values: cache[2 * i + 1],
      }));
      const token = reshape(before, [1, 1]);
      const next = continued(weights, token, { layers, gap: prompt.gap }, config);
      const own = ahead(next.hidden);
      const chosen = choose(own, add(step, one), state);
      return {
        goesOn: chosen.goesOn,
        results: [
          chosen.token,
          chosen.state,
          concat([written, chosen.token], 0),
          concat([scores, own], 0),
          ...flat(next.cache.layers),
        ],
      };
    },
  );
  return { tokens, logits };
}

/** Any of the allowed tokens behind any. */
function anySpelling(config: FastConfig, marks: Marks): Spelling {
  const all = allowedIds(config, marks);
  return { states: 1, may: all.map(() => true), behind: all.map(() => 0) };
}

export interface SampledOptions {
  /** Whose parameters are inputs. */
  trainable?: Trainable;
  /** Which tokens may follow; any where absent. */
  spelling?: Spelling;
}

/** What a chunk is written from, and what comes of it. */
interface Sampled extends Written {
  prompt: Cache & { embeddings: Value };
}

/**
 * A whole chunk in one call, from images, tokens [1, text] and noise [most, allowed] as the graph's inputs, and the
 * parameters of `trainable`, which the tokens are written with.
 */
export function sampled(
  graph: Graph,
  source: WeightSource,
  config: FastConfig,
  images: ImageInput,
  marks: Marks,
  { trainable, spelling = anySpelling(config, marks) }: SampledOptions = {},
): Sampled {
  const weights = source(graph);
  const writing = trainable
    ? trainableWeights(() => weights, trainable, WRITING, 'beside')(graph)
    : weights;
  const sizes = { batch: 1, cameras: CAMERAS, text: TEXT };
  const inputs = prefixInputs(graph, config, images, false, sizes);
  const prompt = { ...encodePrefix(weights, inputs, config), gap: layoutOf(config).gap };
  const noise = graph.input('noise', 'float32', ['most', allowedIds(config, marks).length]);
  return { prompt, ...write(writing, noise, prompt, config, marks, spelling) };
}

/**
 * images, tokens, noise → written int64 [tokens], logits [tokens, allowed] (see `Written`). Noise of zeros takes the
 * likeliest token of each step; Gumbel noise samples.
 */
export function sampleGraph(
  config: FastConfig,
  source: WeightSource,
  images: ImageInput,
  marks: Marks,
  { products, ...options }: SampledOptions & { products?: ElementType } = {},
): Graph {
  const graph = new Graph('sample', undefined, products);
  const { tokens, logits } = sampled(graph, source, config, images, marks, options);
  graph.output('written', tokens);
  graph.output('logits', logits);
  return graph;
}

/** Names and shapes of all weights of a π0-FAST. */
export const weightShapes = onceEach((config: FastConfig): ReadonlyMap<string, Shape> =>
  shapesOf((source) => sampleGraph(config, source, 'bytes', { lead: [0], ends: [0] })),
);
