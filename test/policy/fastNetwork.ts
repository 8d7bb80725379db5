import { Tensor } from 'onnxruntime-node';
import { type Dim, multiplyDims } from '../../src/onnx/dim.ts';
import { Graph, type Value } from '../../src/onnx/graph.ts';
import { encodeModel } from '../../src/onnx/modelFile.ts';
import { reshape } from '../../src/onnx/operators.ts';
import type { FastConfig } from '../../src/policy/families/pi0-fast/config.ts';
import { continued, logitsOf } from '../../src/policy/families/pi0-fast/graphs.ts';
import { decoderLayers } from '../../src/policy/paligemma/layers.ts';
import type { Cache, WeightSource } from '../../src/policy/paligemma/network.ts';
import { normOfSum } from '../../src/policy/paligemma/norms.ts';
import { LANGUAGE, embedPrefix } from '../../src/policy/paligemma/prefix.ts';
import { type PrefixSizes, prefixInputs } from '../../src/policy/paligemma/prefixInputs.ts';
import { loadWeights } from '../../src/policy/paligemma/weights.ts';
import { openModel, sessionConfigSchema } from '../../src/session/session.ts';

/** What of a sequence's first part is compared. */
export interface Read {
  embeddings: Value;
  cache: Cache;
  /** Of every layer, [tokens, width], and behind the last norm. */
  hidden: Value[];
  /** [tokens, vocabulary] */
  logits: Value;
}

/** The hidden states that `build` norms: what each layer takes and gives. */
function normed(graph: Graph, depth: number, build: () => Value): Value[] {
  const before = graph.nodes.length;
  const last = build();
  // The first operation of an RMS norm; there are two in a layer, and one at the end.
  const inputs = graph.nodes.slice(before).filter(({ op }) => op === 'Pow').map((node) => node.inputs[0]!); // prettier-ignore
  return [...Array.from({ length: depth }, (_, layer) => inputs[2 * layer + 2]), last];
}

/** A policy over a prompt, all of whose tokens are followed to the end: images, tokens and their masks. */
export function readPrompt(
  graph: Graph,
  source: WeightSource,
  config: FastConfig,
  { gap = 0, sizes }: { gap?: number; sizes?: PrefixSizes } = {},
): Read {
  const weights = source(graph);
  const inputs = prefixInputs(graph, config, 'floats', true, sizes);
  const { embeddings, valid } = embedPrefix(weights, inputs, config);
  const [batch, count, width] = embeddings.shape;
  const x = reshape(embeddings, [multiplyDims(batch, count), width]);
  const tokens = { x, batch, count, like: embeddings };
  let cache: Cache = { layers: [] };
  const hidden = normed(graph, config.language.depth, () => {
    const part = { name: LANGUAGE, scope: 'prompt' };
    const rest = { valid, cutOff: false };
    const { layers, ...sum } = decoderLayers(weights, part, tokens, config.language, rest);
    cache = { layers, valid, gap };
    return normOfSum(weights, `${LANGUAGE}.norm`, { ...tokens, x: sum.x }, sum.addition).normed;
  });
  return { embeddings, cache, hidden, logits: logitsOf(weights, hidden.at(-1)!, config) };
}

/** The policy over `count` tokens behind the prompt: `action_tokens`, `action_mask` [batch, count] as inputs. */
export function readActions(
  graph: Graph,
  source: WeightSource,
  { cache }: Read,
  count: number,
  config: FastConfig,
  batch: Dim = 'batch',
): Omit<Read, 'embeddings'> {
  const weights = source(graph);
  const tokens = graph.input('action_tokens', 'int64', [batch, count]);
  const valid = graph.input('action_mask', 'bool', [batch, count]);
  let after = cache;
  const hidden = normed(graph, config.language.depth, () => {
    const next = continued(weights, tokens, cache, config, valid);
    after = next.cache;
    return next.hidden;
  });
  return { cache: after, hidden, logits: logitsOf(weights, hidden.at(-1)!, config) };
}

/** The weights in a file that are inputs of a graph: those whose names `isWeight` tells. */
export async function weightFeeds(
  graph: Graph,
  file: string,
  isWeight: (name: string) => boolean,
): Promise<Record<string, Tensor>> {
  const own = graph.inputs.filter(({ name }) => isWeight(name));
  const loaded = await loadWeights(file, own.map(({ name }) => name)); // prettier-ignore
  return Object.fromEntries(
    own.map(({ name, shape }) => [name, new Tensor('float32', loaded.get(name)!, shape as number[])]), // prettier-ignore
  );
}

/** Runs a graph on weights in a folder. */
export async function runOn(
  folder: string,
  graph: Graph,
  feeds: Record<string, Tensor>,
): Promise<Record<string, Tensor>> {
  const session = await openModel(
    encodeModel(graph),
    sessionConfigSchema.parse({ threads: 1 }),
    folder,
  );
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Log-probabilities of each row of logits [rows, vocabulary] at a temperature. */
export function logSoftmax(
  logits: ArrayLike<number>,
  vocabulary: number,
  temperature = 1,
): Float64Array[] {
  return Array.from({ length: logits.length / vocabulary }, (_, row) => {
    const scaled = Float64Array.from({ length: vocabulary }, (__, i) => logits[row * vocabulary + i] / temperature); // prettier-ignore
    const most = scaled.reduce((a, b) => Math.max(a, b));
    const sum = scaled.reduce((total, value) => total + Math.exp(value - most), 0);
    return scaled.map((value) => value - most - Math.log(sum));
  });
}
