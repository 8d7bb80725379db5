import { UserError } from '../../../errors.ts';
import type { Graph, Value } from '../../../onnx/graph.ts';
import { multiply, reshape } from '../../../onnx/operators.ts';
import type { Tensor } from '../../../session/session.ts';
import type { Writer, Writing, WritingOptions } from '../../learnable.ts';
import { bundleWeights } from '../../paligemma/bundleWeights.ts';
import { tokensPerImage } from '../../paligemma/config.ts';
import { kernelsOf } from '../../paligemma/kernels.ts';
import { cacheInputs, openPrefixGraph } from '../../paligemma/prefixCache.ts';
import { BATCH } from '../../paligemma/prefixInputs.ts';
import { trainableWeights } from '../../paligemma/trainable.ts';
import { inputWeights } from '../../paligemma/weights.ts';
import { TOKENS, type WrittenTokens } from '../../writtenTokens.ts';
import { type Marks, allowedIds } from './actionTokens.ts';
import { fastParameters } from './adapted.ts';
import { demandNoBlack, loadTokenizers } from './bundleTokenizers.ts';
import type { FastConfig } from './config.ts';
import { WRITING, allowedRows, continued, weightShapes } from './graphs.ts';
import { layoutOf } from './layout.ts';
import { logProbabilities } from './likelihood.ts';
import { floats, integers, present } from './padded.ts';
import { promptIds } from './promptIds.ts';

/** What the likelihood of a policy's tokens is read from. */
export interface Reading {
  config: FastConfig;
  marks: Marks;
}

/** See Writing. Tokens are read behind the marks before them; each but the last is followed by one. */
export function likelihood(
  graph: Graph,
  { config, marks }: Reading,
  { trainable, cameras, text }: WritingOptions,
): Value {
  const weights = trainableWeights(inputWeights, trainable, WRITING, 'beside')(graph);
  const cache = cacheInputs(graph, config, cameras * tokensPerImage(config) + text);
  const written = graph.input('written', 'int64', [BATCH, TOKENS]);
  const valid = graph.input('written_mask', 'bool', [BATCH, TOKENS]);
  const next = graph.input('next', 'int64', [BATCH, TOKENS]);
  const sharpness = graph.input('sharpness', 'float32', [BATCH, TOKENS]);
  const past = { ...cache, gap: layoutOf(config).gap };
  const { hidden } = continued(weights, written, past, config, valid);
  const logits = kernelsOf(weights).linear(hidden, allowedRows(weights, config, marks));
  const [rows] = logits.shape;
  const scaled = multiply(logits, reshape(sharpness, [rows, 1]));
  return reshape(logProbabilities(scaled, reshape(next, [rows])), [BATCH, TOKENS], next);
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

/** See Writing. */
export function writtenFeeds(
  reading: Reading,
  chunks: readonly WrittenTokens[],
): Record<string, Tensor> {
  const { lead } = reading.marks;
  const choice = choiceOf(reading);
  const given = new Array<number>(lead.length - 1).fill(0);
  const width = given.length + Math.max(...chunks.map(({ ids }) => ids.length));
  const written = chunks.map(({ ids }) => [...lead, ...ids.subarray(0, -1)]);
  const behind = (values: (chunk: WrittenTokens) => Iterable<number>) =>
    chunks.map((chunk) => [...given, ...values(chunk)]);
  const everywhere = (values: (chunk: WrittenTokens) => number) =>
    chunks.map((chunk) => new Array<number>(width).fill(values(chunk)));
  return {
    written: integers(written, width),
    written_mask: present(written, width),
    next: integers(behind(({ ids }) => Array.from(ids, choice)), width), // prettier-ignore
    sharpness: floats(everywhere(({ temperature }) => 1 / temperature), width), // prettier-ignore
    counted: floats(behind(({ ids }) => ids.map(() => 1)), width), // prettier-ignore
    drawn: floats(behind(({ logProbabilities }) => logProbabilities), width), // prettier-ignore
  };
}

async function openWriting(folder: string, config: FastConfig): Promise<Writing> {
  demandNoBlack(folder, config);
  const { marks } = await loadTokenizers(folder, config);
  const reading = { config, marks };
  return {
    before: marks.lead.length - 1,
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
