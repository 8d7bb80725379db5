import type { Shape } from '../../../onnx/dim.ts';
import { addDims } from '../../../onnx/dim.ts';
import { Graph, type Value } from '../../../onnx/graph.ts';
import { add, argMax, concat, gather, gelu, loopWhile, reshape, sizeOf, slice, slicePart, subtract } from '../../../onnx/operators.ts'; // prettier-ignore
import type { ElementType } from '../../../tensors/elementType.ts';
import { dense } from '../../paligemma/layers.ts';
import type { LayerCache, Weights, WeightSource } from '../../paligemma/network.ts';
import { onceEach } from '../../../onceEach.ts';
import { shapesOf } from '../../paligemma/weights.ts';
import type { OpenVlaConfig } from './config.ts';
import { embed, llama, logitsOf } from './llama.ts';
import { towerFeatures } from './tower.ts';

/** Names of the two towers, DINOv2's and SigLIP's. */
export const TOWERS = ['vision_backbone.featurizer', 'vision_backbone.fused_featurizer'] as const;

/** What an image [1, 1, side, side, 3], RGB bytes, becomes. */
export interface Seen {
  /** [1, patches, widths of both towers]. */
  features: Value;
  /** Its tokens, [1, patches, width of the language model]. */
  image: Value;
}

/** Both towers and the projector. */
export function seen(weights: Weights, bytes: Value, config: OpenVlaConfig): Seen {
  const { graph } = bytes;
  const towers = TOWERS.map((name, i) =>
    graph.scope(`tower.${i}`, () => towerFeatures(weights, name, bytes, config.towers[i], config)),
  );
  const features = concat(towers, 2);
  const { width } = config.language;
  const first = gelu(dense(weights, 'projector.fc1', features, config.projector));
  const second = gelu(dense(weights, 'projector.fc2', first, width));
  return { features, image: dense(weights, 'projector.fc3', second, width) };
}

/** Embeddings of a prompt's tokens [1, text+1], those of the image behind the first: [1, all, width]. */
export function embedPrompt(
  weights: Weights,
  image: Value,
  tokens: Value,
  { language }: OpenVlaConfig,
): Value {
  const begin = slice(tokens, 1, 0, 1);
  const rest = slicePart(tokens, 1, 1, TEXT, 0);
  return concat([embed(weights, begin, language), image, embed(weights, rest, language)], 1);
}

/** Tokens of a prompt behind the first. */
const TEXT = 'text';

/** The cache of no tokens. */
export const emptyCache = (graph: Graph, { language }: OpenVlaConfig): LayerCache[] => {
  const nothing = graph.constant('float32', [], [1, language.kvHeads, 0, language.headDim]);
  return Array.from({ length: language.depth }, () => ({ keys: nothing, values: nothing }));
};

/** Weights as a loop's body uses them: what it makes of them is made in each iteration, and then free again. */
function within(graph: Graph, weights: Weights): Weights {
  const inside = (name: string, shape: Shape) => ({ ...weights(name, shape), graph });
  return Object.assign(inside, { ...weights });
}

/** Tokens of an action, and what they were chosen by. */
export interface Written {
  /** int64 [steps] */
  tokens: Value;
  /** [steps, vocabulary] */
  logits: Value;
  /** Of all tokens but the last that was written. */
  layers: LayerCache[];
}

/**
 * Writes a token for each row of `noise` [steps, vocabulary] behind embeddings [1, count, width], the likeliest by its
 * logit and its noise. The prompt is the first iteration's sequence, each token the next one's.
 */
export function write(
  weights: Weights,
  prompt: Value,
  noise: Value,
  { language, ...config }: OpenVlaConfig,
): Written {
  const { graph } = noise;
  const { vocabulary, width, kvHeads, headDim } = language;
  const flat = (layers: readonly LayerCache[]) =>
    layers.flatMap(({ keys, values }) => [keys, values]);
  const none = flat(emptyCache(graph, { language, ...config }));
  const initial = [
    prompt,
    graph.constant('int64', [], [0]),
    graph.constant('float32', [], [0, vocabulary]),
    ...none,
  ];
  const shapesOf = (count: string, written: string, known: string): Shape[] => [
    [1, count, width],
    [written],
    [written, vocabulary],
    ...none.map(() => [1, kvHeads, known, headDim]),
  ];
  const shapes = { inside: shapesOf('new', 'written', 'known'), behind: shapesOf('last', 'steps', 'seen') }; // prettier-ignore
  const [, tokens, logits, ...cache] = loopWhile(
    { trips: sizeOf(noise, 0) },
    initial,
    shapes,
    (step, [x, written, scores, ...past]) => {
      const own = within(x.graph, weights);
      const { hidden, layers } = llama(own, x, paired(past), language);
      const last = reshape(subtract(sizeOf(x, 1), 1), [1]);
      const ahead = logitsOf(own, gather(hidden, last), language);
      const token = argMax(add(ahead, gather(noise, reshape(step, [1]))));
      const next = embed(own, reshape(token, [1, 1]), language);
      return {
        results: [next, concat([written, token], 0), concat([scores, ahead], 0), ...flat(layers)],
      };
    },
  );
  return { tokens, logits, layers: paired(cache) };
}

/** Keys and values that stand one behind the other, by layer. */
const paired = (flat: readonly Value[]): LayerCache[] =>
  Array.from({ length: flat.length / 2 }, (_, i) => ({ keys: flat[2 * i], values: flat[2 * i + 1] })); // prettier-ignore

/** A whole action in one call, from image, tokens [1, text+1] and noise [steps, vocabulary] as the graph's inputs. */
export function sampled(graph: Graph, source: WeightSource, config: OpenVlaConfig): Seen & Written {
  const weights = source(graph);
  const { imageSize: side, language } = config;
  const bytes = graph.input('images', 'uint8', [1, 1, side, side, 3]);
  const tokens = graph.input('tokens', 'int64', [1, addDims(TEXT, 1)]);
  const noise = graph.input('noise', 'float32', ['most', language.vocabulary]);
  const { features, image } = seen(weights, bytes, config);
  const prompt = embedPrompt(weights, image, tokens, config);
  return { features, image, ...write(weights, prompt, noise, config) };
}

/**
 * images, tokens, noise → written int64 [steps], logits [steps, vocabulary] (see `write`). Noise of zeros takes the
 * likeliest token of each step.
 */
export function sampleGraph(
  config: OpenVlaConfig,
  source: WeightSource,
  products?: ElementType,
): Graph {
  const graph = new Graph('sample', undefined, products);
  const { tokens, logits } = sampled(graph, source, config);
  graph.output('written', tokens);
  graph.output('logits', logits);
  return graph;
}

/** Names and shapes of all weights that an action depends on. */
export const weightShapes = onceEach((config: OpenVlaConfig): ReadonlyMap<string, Shape> =>
  shapesOf((source) => sampleGraph(config, source)),
);
