import type { Shape } from '../../../onnx/dim.ts';
import { Graph, type Value } from '../../../onnx/graph.ts';
import type { ElementType } from '../../../tensors/elementType.ts';
import type { WeightSource } from '../../paligemma/network.ts';
import { onceEach } from '../../../onceEach.ts';
import { shapesOf } from '../../paligemma/weights.ts';
import { type OctoConfig, chunkSize } from './config.ts';
import { denoise } from './head.ts';
import { encodeText } from './textEncoder.ts';
import { type OctoInputs, assemble, attentionMask, lastReadout, transform } from './transformer.ts';

/** Samples and steps of a graph's inputs. */
export interface Sizes {
  batch: number;
  window: number;
}

/** A policy on a robot reads one observation: the first step of a window, which training always has. */
export const ONE: Sizes = { batch: 1, window: 1 };

/** Names of a graph's inputs by an image's tokenizer. */
export const inputNames = (name: string) => ({
  image: `image.${name}`,
  goal: `goal.${name}`,
  seen: `seen.${name}`,
});

/** What a policy reads, as a graph's inputs. */
export function octoInputs(
  graph: Graph,
  { images, language }: OctoConfig,
  { batch, window }: Sizes = ONE,
): OctoInputs {
  const pictures: OctoInputs['pictures'] = {};
  const seen: OctoInputs['seen'] = {};
  for (const { name, imageSize: side, goal } of images) {
    const names = inputNames(name);
    pictures[name] = {
      seen: graph.input(names.image, 'uint8', [batch, window, side, side, 3]),
      goal: goal ? graph.input(names.goal, 'uint8', [batch, side, side, 3]) : undefined,
    };
    seen[name] = graph.input(names.seen, 'bool', [batch, window]);
  }
  return {
    pictures,
    seen,
    steps: graph.input('steps', 'bool', [batch, window]),
    language: language && {
      embedded: graph.input('language', 'float32', [batch, language.tokens, language.width]),
      given: graph.input('instructed', 'bool', [batch]),
    },
  };
}

/** What a chunk comes from, as values of a graph. */
export interface Sampled {
  /** [batch, all, width], before and behind the transformer. */
  sequence: Value;
  outputs: Value;
  /** [batch, horizon·actionDim], normalised. */
  chunk: Value;
}

/** A whole chunk: from an observation, and noise as the graph's inputs (see denoise). */
export function sampled(graph: Graph, source: WeightSource, config: OctoConfig): Sampled {
  const weights = source(graph);
  const { batch, window } = ONE;
  const tokens = assemble(weights, octoInputs(graph, config), config);
  const mask = attentionMask(tokens, config, window);
  const { outputs } = transform(weights, tokens.sequence, mask, config);
  const noise = graph.input('noise', 'float32', [batch, chunkSize(config)]);
  const draws = graph.input('draws', 'float32', [config.head.steps, batch, chunkSize(config)]);
  const chunk = graph.scope('head', () =>
    denoise(weights, lastReadout(outputs, config), noise, draws, config),
  );
  return { sequence: tokens.sequence, outputs, chunk };
}

/** images, goals, masks, language, noise, draws → actions [1, horizon·actionDim], normalised. */
export function sampleGraph(
  config: OctoConfig,
  source: WeightSource,
  products?: ElementType,
): Graph {
  const graph = new Graph('sample', undefined, products);
  graph.output('actions', sampled(graph, source, config).chunk);
  return graph;
}

/** tokens int64 [1, count], token_mask bool [1, count] → language [1, count, width], of an instruction. */
export function textGraph(config: OctoConfig, source: WeightSource, products?: ElementType): Graph {
  const { language } = config;
  if (!language?.encoder) throw new Error('a policy without a text encoder has no graph of one');
  const graph = new Graph('text', undefined, products);
  const tokens = graph.input('tokens', 'int64', [1, language.tokens]);
  const mask = graph.input('token_mask', 'bool', [1, language.tokens]);
  graph.output(
    'language',
    encodeText(source(graph), tokens, mask, language.width, language.encoder),
  );
  return graph;
}

/** Names and shapes of all weights of an Octo. */
export const weightShapes = onceEach(
  (config: OctoConfig): ReadonlyMap<string, Shape> =>
    new Map([
      ...shapesOf((source) => sampleGraph(config, source)),
      ...(config.language?.encoder ? shapesOf((source) => textGraph(config, source)) : []),
    ]),
);
