import { UserError } from '../../../errors.ts';
import type { Graph, Value } from '../../../onnx/graph.ts';
import { multiply, reshape, slice } from '../../../onnx/operators.ts';
import { Tensor } from '../../../session/session.ts';
import type { Writer, Writing, WritingOptions } from '../../learnable.ts';
import { bundleWeights } from '../../paligemma/bundleWeights.ts';
import { tokensPerImage } from '../../paligemma/config.ts';
import { kernelsOf } from '../../paligemma/kernels.ts';
import { cacheInputs, openPrefixGraph } from '../../paligemma/prefixCache.ts';
import { BATCH } from '../../paligemma/prefixInputs.ts';
import { trainableWeights } from '../../paligemma/trainable.ts';
import { inputWeights } from '../../paligemma/weights.ts';
import type { WrittenTokens } from '../../writtenTokens.ts';
import { multiplyDims } from '../../../onnx/dim.ts';
import type { Marks } from './actionTokens.ts';
import { fastParameters } from './adapted.ts';
import { demandNoBlack, loadTokenizers } from './bundleTokenizers.ts';
import type { FastConfig } from './config.ts';
import { WRITING, allowedIds, allowedRows, continued, weightShapes } from './graphs.ts';
import { layoutOf } from './layout.ts';
import { logProbabilities } from './likelihood.ts';
import { integers, present } from './padded.ts';
import { promptIds } from './promptIds.ts';

/** What the likelihood of a policy's tokens is read from. */
export interface Reading {
  config: FastConfig;
  marks: Marks;
  /** Tokens of a chunk at most. */
  count: number;
}

/** See Writing. Tokens are read behind the marks before them; each but the last is followed by one. */
export function likelihood(
  graph: Graph,
  { config, marks, count }: Reading,
  { trainable, cameras, text }: WritingOptions,
): Value {
  const weights = trainableWeights(inputWeights, trainable, WRITING, 'beside')(graph);
  const cache = cacheInputs(graph, config, cameras * tokensPerImage(config) + text);
  const read = marks.lead.length - 1 + count;
  const tokens = graph.input('written', 'int64', [BATCH, read]);
  const valid = graph.input('written_mask', 'bool', [BATCH, read]);
  const next = graph.input('next', 'int64', [BATCH, count]);
  const sharpness = graph.input('sharpness', 'float32', [BATCH, 1, 1]);
  const past = { ...cache, gap: layoutOf(config).gap };
  const { hidden } = continued(weights, tokens, past, config, valid);
  const all = reshape(hidden, [BATCH, read, config.language.width], tokens);
  const behind = slice(all, 1, marks.lead.length - 1, read);
  const logits = kernelsOf(weights).linear(behind, allowedRows(weights, config, marks));
  const rows = multiplyDims(BATCH, count);
  const choices = logits.shape.at(-1)!;
  const scaled = reshape(multiply(logits, sharpness), [rows, choices]);
  const own = logProbabilities(scaled, reshape(next, [rows]));
  return reshape(own, [BATCH, count], next);
}

/** Where a token stands among those that may be drawn. Throws a `UserError` for one that may not. */
function choiceOf({ config, marks }: Reading) {
  const places = new Map(allowedIds(config, marks).map((id, place) => [id, place]));
  return (id: number): number => {
    const place = places.get(id);
    if (place === undefined)
      throw new UserError(
        `a chunk has the token ${id}, which this policy does not write; look for broken episodes`,
        { kind: 'mismatch', fields: ['tokens'] },
      );
    return place;
  };
}

/** The inputs of `likelihood` for the tokens of chunks. */
export function writtenFeeds(
  reading: Reading,
  chunks: readonly WrittenTokens[],
): Record<string, Tensor> {
  const { marks, count } = reading;
  const choice = choiceOf(reading);
  const read = marks.lead.length - 1 + count;
  const written = chunks.map(({ ids }) => [...marks.lead, ...ids.subarray(0, -1)]);
  const next = chunks.map(({ ids }) => Array.from(ids, choice));
  const sharpness = Float32Array.from(chunks, ({ temperature }) => 1 / temperature);
  return {
    written: integers(written, read),
    written_mask: present(written, read),
    next: integers(next, count),
    sharpness: new Tensor('float32', sharpness, [chunks.length, 1, 1]),
  };
}

async function openWriting(folder: string, config: FastConfig): Promise<Writing> {
  demandNoBlack(folder, config);
  const { marks } = await loadTokenizers(folder, config);
  const reading = { config, marks, count: config.maxActionTokens - marks.lead.length };
  return {
    count: reading.count,
    likelihood: (graph, options) => likelihood(graph, reading, options),
    feeds: (chunks) => writtenFeeds(reading, chunks),
  };
}

/** The reason why tokens cannot be a chunk's of a policy that is to learn from them; undefined if they can. */
function unlike(tokens: WrittenTokens | undefined, config: FastConfig): string | undefined {
  if (!tokens) return 'its chunks say nothing of the tokens that they were made of';
  const { ids, logProbabilities: own, temperature } = tokens;
  if (!(temperature > 0 && Number.isFinite(temperature)))
    return `the tokens of its chunks were drawn at the temperature ${temperature}, so that nothing was tried; let attempts explore`;
  const isLikely = (value: number) => Number.isFinite(value) && value <= 0;
  const fits = ids.length <= config.maxActionTokens && own.length === ids.length;
  return fits && own.every(isLikely)
    ? undefined
    : `a chunk is of ${ids.length} tokens with ${own.length} log-probabilities; the policy writes up to ${config.maxActionTokens}`;
}

/** How a π0-FAST learns from attempts: by the likelihood of the tokens that it wrote, behind a prompt that stays as it reads it. */
export function writerFast(config: FastConfig): Writer {
  const { horizon, actionDim, stateDim, maxTokens, vision, language } = config;
  return {
    ...{ horizon, actionDim, stateDim, imageSize: vision.imageSize },
    maxTokens: maxTokens + Number(layoutOf(config).beginsAgain),
    hasState: false,
    cache: { layers: language.depth, heads: language.kvHeads, headDim: language.headDim },
    prefixLength: (cameras, text) => cameras * tokensPerImage(config) + text,
    parameters: (trainable) => fastParameters(config, trainable),
    ...bundleWeights(() => weightShapes(config)),
    openPrefix: (bundle, session) => openPrefixGraph({ ...bundle, architecture: config }, session),
    async loadTokenizer(folder) {
      const { text } = await loadTokenizers(folder, config);
      const idsOf = promptIds(config, text);
      return (prompt, state) => ({ tokens: BigInt64Array.from(idsOf(prompt, state), BigInt) });
    },
    unlike: ({ tokens }) => unlike(tokens, config),
    openWriting: (folder) => openWriting(folder, config),
  };
}
